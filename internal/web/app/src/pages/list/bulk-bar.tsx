import { Download, Pencil, Trash2, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { startExport } from "@/api/jobs";
import { batch, type Operation, restore, type Value } from "@/api/records";
import type { ObjectType } from "@/api/schema";
import { Button, IconButton } from "@/components/ui/button";
import { Confirm, Modal } from "@/components/ui/dialog";
import { Select } from "@/components/ui/select";
import { notify } from "@/components/ui/toast";
import { Editor } from "@/components/value/editor";
import { check } from "@/format/check";
import { explain } from "@/i18n/explain";
import { recordsMoved } from "@/state/saving";
import { useWords } from "@/state/words";
import { canEditInline } from "./data-grid";

const atOnce = 1_000;

/** What can be done with the records that are selected. */
export function BulkBar({ object, ids, onClear }: { object: ObjectType; ids: string[]; onClear: () => void }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<"delete" | "edit" | null>(null);

  const run = async (operations: Operation[]) => {
    const done: string[] = [];
    const reasons: string[] = [];
    for (let from = 0; from < operations.length; from += atOnce) {
      const answer = await batch(object.name, operations.slice(from, from + atOnce));
      for (const item of answer.items) {
        if (item.outcome === "failed") reasons.push(item.problem?.detail ?? "");
        else if (item.id) done.push(item.id);
      }
    }
    return { done, reasons };
  };
  const failed = (reasons: string[]) => {
    if (reasons.length > 0) {
      notify({ title: t("list.failed", { count: reasons.length }), description: reasons[0] ?? "", failed: true });
    }
  };
  const removeAll = async () => {
    try {
      const { done, reasons } = await run(ids.map((id) => ({ op: "delete", id })));
      onClear();
      await recordsMoved(object.name);
      if (done.length > 0) {
        notify({
          title: t("list.deleted", { count: done.length }),
          action: {
            label: t("list.undo"),
            run: () => {
              void Promise.all(done.map((id) => restore(object.name, id)))
                .catch((error) => notify({ title: explain(error), failed: true }))
                .then(() => recordsMoved(object.name));
            },
          },
        });
      }
      failed(reasons);
    } catch (error) {
      notify({ title: explain(error), failed: true });
    }
  };
  const changeAll = async (name: string, value: Value) => {
    try {
      const { done, reasons } = await run(ids.map((id) => ({ op: "update", id, fields: { [name]: value } })));
      await recordsMoved(object.name);
      if (done.length > 0) notify({ title: t("list.changed", { count: done.length }) });
      failed(reasons);
      setAsking(null);
    } catch (error) {
      notify({ title: explain(error), failed: true });
    }
  };
  const exportAll = async () => {
    try {
      await startExport(object.name, { filter: `id in [${ids.map((id) => JSON.stringify(id)).join(", ")}]` });
      notify({ title: t("list.exportStarted"), description: t("list.exportStartedHint") });
    } catch (error) {
      notify({ title: explain(error), failed: true });
    }
  };
  return (
    <section
      aria-label={t("list.selected", { count: ids.length })}
      className="absolute bottom-4 left-1/2 z-20 flex -translate-x-1/2 items-center gap-1 rounded-xl bg-raised py-1.5 ps-4 pe-1.5 shadow-float"
    >
      <span role="status" className="figure me-2 font-medium whitespace-nowrap">
        {t("list.selected", { count: ids.length })}
      </span>
      <Button tone="quiet" onClick={() => setAsking("edit")}>
        <Pencil aria-hidden />
        <span className="max-sm:sr-only">{t("list.edit")}</span>
      </Button>
      <Button tone="quiet" onClick={() => void exportAll()}>
        <Download aria-hidden />
        <span className="max-sm:sr-only">{t("list.export")}</span>
      </Button>
      <Button tone="quiet" className="text-danger!" onClick={() => setAsking("delete")}>
        <Trash2 aria-hidden />
        <span className="max-sm:sr-only">{t("list.delete")}</span>
      </Button>
      <IconButton label={t("list.unselect")} onClick={onClear}>
        <X aria-hidden />
      </IconButton>
      <Confirm
        open={asking === "delete"}
        onOpenChange={() => setAsking(null)}
        title={t("list.deleteAsk", { count: ids.length })}
        description={t("list.deleteHint")}
        action={t("list.delete")}
        onConfirm={() => void removeAll()}
      />
      {asking === "edit" && (
        <BulkEdit object={object} count={ids.length} onClose={() => setAsking(null)} onSave={changeAll} />
      )}
    </section>
  );
}

interface EditProps {
  object: ObjectType;
  count: number;
  onClose: () => void;
  onSave: (name: string, value: Value) => Promise<void>;
}

function BulkEdit({ object, count, onClose, onSave }: EditProps) {
  const { t } = useTranslation();
  const words = useWords();
  const fields = object.fields.filter((f) => canEditInline(f) && !f.unique);
  const [name, setName] = useState(fields[0]?.name ?? "");
  const [value, setValue] = useState<Value>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const f = fields.find((one) => one.name === name);
  if (!f) return null;
  const submit = async () => {
    const one = check(f, value, t, words.language);
    if ("problem" in one) {
      setProblem(one.problem);
      return;
    }
    setBusy(true);
    await onSave(name, one.value);
    setBusy(false);
  };
  return (
    <Modal
      open
      onOpenChange={onClose}
      title={t("list.bulkEdit", { count })}
      footer={
        <>
          <Button onClick={onClose}>{t("record.cancel")}</Button>
          <Button tone="accent" disabled={busy} onClick={() => void submit()}>
            {t("record.save")}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <div>
          <span className="mb-1 block font-medium">{t("list.bulkField")}</span>
          <Select
            label={t("list.bulkField")}
            value={name}
            choices={fields.map((one) => ({ value: one.name, label: one.label }))}
            onChange={(next) => {
              setName(next ?? name);
              setValue(null);
              setProblem("");
            }}
          />
        </div>
        <div>
          <span className="mb-1 block font-medium">{t("list.bulkValue")}</span>
          <Editor
            key={name}
            object={object.name}
            field={f}
            label={t("list.bulkValue")}
            value={value}
            invalid={problem !== ""}
            onChange={(next) => {
              setValue(next);
              setProblem("");
            }}
          />
          {problem ? (
            <p role="alert" className="mt-1 text-xs text-danger">
              {problem}
            </p>
          ) : (
            !f.required && <p className="mt-1 text-xs text-ink-3">{t("list.bulkEmpty")}</p>
          )}
        </div>
      </div>
    </Modal>
  );
}
