import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import type { Row } from "@/api/records";
import type { Field, Pipeline, Stage } from "@/api/schema";
import { FieldLine, refuse, useFieldsForm } from "@/components/fields";
import { Button } from "@/components/ui/button";
import { Modal } from "@/components/ui/dialog";
import { explain } from "@/i18n/explain";
import { movingTo } from "@/state/moving";
import { save } from "@/state/saving";

interface Props {
  pipeline: Pipeline;
  record: Row;
  stage: Stage;
  fields: Field[];
  message?: string;
  onClose: (moved: boolean) => void;
}

/** Says what a stage asks for, and lets one fill it in on the spot. */
export function GateDialog({ pipeline, record, stage, fields, message, onClose }: Props) {
  const { t } = useTranslation();
  const [refusal, setRefusal] = useState(message ?? "");
  const asked = useMemo(() => fields.map((f) => ({ ...f, required: true })), [fields]);
  const values = useMemo(
    () => Object.fromEntries(fields.map((f) => [f.name, record[f.name] ?? null])),
    [fields, record],
  );
  const form = useFieldsForm(asked, values);
  const submit = form.handleSubmit(async (filled) => {
    setRefusal("");
    try {
      const saved = await save(pipeline.object, record, { ...filled, ...movingTo(pipeline, stage) });
      onClose(saved !== null);
    } catch (error) {
      const rest = refuse(form, asked, error);
      setRefusal(rest || (error instanceof Problem && error.violations.length > 0 ? "" : explain(error)));
    }
  });
  return (
    <Modal
      open
      onOpenChange={() => onClose(false)}
      title={t("record.gateTitle", { stage: stage.label })}
      description={stage.gateMessage || t("record.gateHint")}
      footer={
        <>
          <Button onClick={() => onClose(false)}>{t("record.cancel")}</Button>
          <Button tone="accent" disabled={form.formState.isSubmitting} onClick={() => void submit()}>
            {t("record.moveTo", { stage: stage.label })}
          </Button>
        </>
      }
    >
      <form noValidate className="space-y-4" onSubmit={(event) => void submit(event)}>
        {refusal && (
          <p role="alert" className="rounded-md bg-danger-soft px-3 py-2 text-danger">
            {refusal}
          </p>
        )}
        {asked.map((f, at) => (
          <FieldLine
            key={f.name}
            object={pipeline.object}
            field={f}
            form={form}
            autoFocus={at === 0 && f.type !== "picklist"}
          />
        ))}
        <button type="submit" hidden />
      </form>
    </Modal>
  );
}
