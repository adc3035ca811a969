import { useNavigate } from "@tanstack/react-router";
import { ChevronDown } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { create, titleText, type Value } from "@/api/records";
import { type Field, isCompanion, type ObjectType } from "@/api/schema";
import { FieldLine, refuse, useFieldsForm } from "@/components/fields";
import { Button } from "@/components/ui/button";
import { Confirm, Modal } from "@/components/ui/dialog";
import { notify } from "@/components/ui/toast";
import { factsOf } from "@/format/facts";
import { isEmpty } from "@/format/text";
import { explain } from "@/i18n/explain";
import { useModel } from "@/state/model";
import type { Creating } from "@/state/overlays";
import { recordsMoved } from "@/state/saving";

const firstShown = 8;

/** What a field begins with. */
function beginning(f: Field): Value {
  if (f.default === undefined) return f.type === "boolean" && f.required ? false : null;
  return f.type === "boolean" ? f.default === "true" : f.default;
}

interface Props {
  making: Creating;
  onClose: () => void;
}

/** Makes a record beside the page that one is on. */
export default function CreateSheet({ making, onClose }: Props) {
  const object = useModel().object(making.object);
  return object ? <Sheet object={object} making={making} onClose={onClose} /> : null;
}

function Sheet({ object, making, onClose }: Props & { object: ObjectType }) {
  const { t } = useTranslation();
  const model = useModel();
  const navigate = useNavigate();
  const [all, setAll] = useState(false);
  const [refusal, setRefusal] = useState("");
  const [leaving, setLeaving] = useState(false);
  const again = useRef(false);
  const fields = useMemo(
    () => object.fields.filter((f) => !f.readOnly && !isCompanion(object, f) && f.name !== "version"),
    [object],
  );
  const first = useMemo(() => {
    const wanted = new Set([object.title, ...Object.keys(making.values ?? {})]);
    for (const f of fields) if (f.required) wanted.add(f.name);
    for (const f of factsOf(model, object)) if (wanted.size < firstShown) wanted.add(f.name);
    return fields.filter((f) => wanted.has(f.name));
  }, [fields, model, object, making.values]);
  const values = useMemo(
    () => Object.fromEntries(fields.map((f) => [f.name, making.values?.[f.name] ?? beginning(f)])),
    [fields, making.values],
  );
  const form = useFieldsForm(fields, values);
  const { isDirty, isSubmitting, errors } = form.formState;

  const submit = form.handleSubmit(async (filled) => {
    setRefusal("");
    try {
      const made = await create(
        object.name,
        Object.fromEntries(Object.entries(filled).filter(([, value]) => !isEmpty(value))),
      );
      const name = titleText(object, made[object.title]) || t("record.untitled");
      void recordsMoved(object.name);
      notify({
        title: t("record.created", { name }),
        action: {
          label: t("list.open"),
          run: () => void navigate({ to: "/o/$object/$id", params: { object: object.name, id: made.id } }),
        },
      });
      if (again.current) form.reset(values);
      else onClose();
    } catch (error) {
      setRefusal(refuse(form, fields, error) || (Object.keys(form.formState.errors).length > 0 ? "" : explain(error)));
      setAll(true);
    }
  });
  const rest = fields.filter((f) => !first.includes(f));
  const wrong = Object.keys(errors).length;
  return (
    <Modal
      sheet
      open
      onOpenChange={() => {
        if (isDirty) setLeaving(true);
        else onClose();
      }}
      title={t("list.newOf", { object: object.label })}
      description={object.description}
      footer={
        <>
          <span role="status" className="me-auto text-xs text-danger">
            {wrong > 0 && t("check.fix", { count: wrong })}
          </span>
          <Button
            disabled={isSubmitting}
            onClick={() => {
              again.current = true;
              void submit();
            }}
          >
            {t("record.createMore")}
          </Button>
          <Button
            tone="accent"
            disabled={isSubmitting}
            onClick={() => {
              again.current = false;
              void submit();
            }}
          >
            {t("record.create")}
          </Button>
        </>
      }
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => {
          again.current = false;
          void submit(event);
        }}
      >
        {refusal && (
          <p role="alert" className="rounded-md bg-danger-soft px-3 py-2 text-danger">
            {refusal}
          </p>
        )}
        {first.map((f) => (
          <FieldLine key={f.name} object={object.name} field={f} form={form} />
        ))}
        {rest.length > 0 && !all && (
          <Button tone="quiet" onClick={() => setAll(true)}>
            <ChevronDown aria-hidden />
            {t("record.more")}
          </Button>
        )}
        {all && rest.map((f) => <FieldLine key={f.name} object={object.name} field={f} form={form} />)}
        <button type="submit" hidden />
      </form>
      <Confirm
        open={leaving}
        onOpenChange={setLeaving}
        title={t("record.leaveAsk")}
        description={t("record.leaveHint")}
        action={t("record.leave")}
        onConfirm={onClose}
      />
    </Modal>
  );
}
