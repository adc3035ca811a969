import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Value as Given } from "@/api/records";
import { Button } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Modal } from "@/components/ui/dialog";
import { showText } from "@/format/text";
import { useModel } from "@/state/model";
import { type Conflict, giveUp, resolve } from "@/state/saving";
import { useWords } from "@/state/words";

/** Asks, for each field that two people changed, whose value stays. */
export default function ConflictDialog({ open }: { open: Conflict }) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const id = useId();
  const [mine, setMine] = useState<string[]>([]);
  const choose = (name: string, keep: boolean) =>
    setMine((now) => (keep ? [...now, name] : now.filter((one) => one !== name)));
  return (
    <Modal
      open
      wide
      onOpenChange={(still) => {
        if (!still) giveUp(open);
      }}
      title={t("record.conflict")}
      description={t("record.conflictHint")}
      footer={
        <>
          <Button tone="quiet" className="me-auto" onClick={() => setMine(open.fields)}>
            {t("record.allMine")}
          </Button>
          <Button tone="quiet" onClick={() => setMine([])}>
            {t("record.allTheirs")}
          </Button>
          <Button onClick={() => giveUp(open)}>{t("record.cancel")}</Button>
          <Button tone="accent" onClick={() => void resolve(open, mine)}>
            {t("record.resolve")}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        {open.fields.map((name) => {
          const f = model.field(open.object, name);
          const show = (value: Given) =>
            (f ? showText(f, value, words, model, open.theirs) : String(value ?? "")) || t("record.none");
          const sides = [
            { keep: false, title: t("record.theirs"), value: open.theirs[name] },
            { keep: true, title: t("record.mine"), value: open.mine[name] },
          ];
          return (
            <fieldset key={name}>
              <legend className="mb-1.5 font-medium">{f?.label ?? name}</legend>
              <div className="grid gap-2 sm:grid-cols-2">
                {sides.map((side) => {
                  const chosen = mine.includes(name) === side.keep;
                  return (
                    <label
                      key={String(side.keep)}
                      className={cx(
                        "flex cursor-pointer items-start gap-2.5 rounded-lg border p-3 has-focus-visible:outline-2 has-focus-visible:outline-accent",
                        chosen ? "border-accent bg-accent-soft" : "border-line hover:bg-hover",
                      )}
                    >
                      <input
                        type="radio"
                        name={`${id}-${name}`}
                        checked={chosen}
                        onChange={() => choose(name, side.keep)}
                        className="mt-0.5 accent-accent outline-none"
                      />
                      <span className="min-w-0">
                        <span className="block text-xs text-ink-2">{side.title}</span>
                        <span className="block break-words whitespace-pre-wrap">{show(side.value)}</span>
                      </span>
                    </label>
                  );
                })}
              </div>
            </fieldset>
          );
        })}
      </div>
    </Modal>
  );
}
