import { useBlocker } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Value as Given, Row } from "@/api/records";
import { type Field, isCompanion, type ObjectType } from "@/api/schema";
import { FieldLine, refuse, useFieldsForm } from "@/components/fields";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/dialog";
import { notify } from "@/components/ui/toast";
import { Value } from "@/components/value/value";
import { isEmpty } from "@/format/text";
import { explain } from "@/i18n/explain";
import { modifier } from "@/shell/navigation";
import { useModel } from "@/state/model";
import { usePreference } from "@/state/preferences";
import { save } from "@/state/saving";

const shownAtFirst = 14;

/** Relations that came with titles stay as they are: the field shows the title. */
const valuesOf = (fields: Field[], record: Row): Record<string, Given> =>
  Object.fromEntries(fields.map((f) => [f.name, record[f.name] ?? null]));

/** The fields of a record, each to be changed where it stands. */
export function Details({ object, record }: { object: ObjectType; record: Row }) {
  const { t } = useTranslation();
  const model = useModel();
  const [showEmpty, setShowEmpty] = usePreference(`empty.${object.name}`, false);
  const [refusal, setRefusal] = useState("");
  const stage = model.pipeline(object.name)?.field;
  const fields = useMemo(
    () =>
      object.fields.filter(
        (f) =>
          !f.readOnly &&
          f.name !== stage &&
          (!f.system || ["owner", "department", "tags", "currency"].includes(f.name)),
      ),
    [object, stage],
  );
  const told = useMemo(() => object.fields.filter((f) => f.readOnly && !f.system && !isCompanion(object, f)), [object]);
  const system = object.fields.filter((f) => f.system && f.readOnly && !["id", "version"].includes(f.name));

  // While something is typed the form stands on what was there when that began:
  // what others write meanwhile is settled when it is saved.
  const base = useRef(record);
  const dirty = useRef(false);
  if (!dirty.current) base.current = record;
  const from = base.current;
  const values = useMemo(() => valuesOf(fields, from), [fields, from]);
  const form = useFieldsForm(fields, values);
  const { isDirty, isSubmitting, errors, dirtyFields } = form.formState;
  dirty.current = isDirty;

  const submit = form.handleSubmit(async (filled) => {
    setRefusal("");
    const mine = Object.fromEntries(Object.keys(dirtyFields).map((name) => [name, idOf(filled[name])]));
    try {
      const saved = await save(object.name, base.current, mine);
      if (!saved) return;
      dirty.current = false;
      form.reset(valuesOf(fields, { ...base.current, ...filled, ...saved }));
      notify({ title: t("record.saved") });
    } catch (error) {
      setRefusal(refuse(form, fields, error) || (Object.keys(form.formState.errors).length > 0 ? "" : explain(error)));
    }
  });
  const submitNow = useRef(submit);
  submitNow.current = submit;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        if (dirty.current) void submitNow.current();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const blocker = useBlocker({
    shouldBlockFn: () => dirty.current,
    enableBeforeUnload: () => dirty.current,
    withResolver: true,
  });

  const filled = (f: Field) => !isEmpty(record[f.name]) || f.required || dirtyFields[f.name] || errors[f.name];
  const shown = showEmpty ? fields : fields.filter((f, at) => filled(f) || at < shownAtFirst);
  const wrong = Object.keys(errors).length;
  return (
    <section aria-label={t("record.details")} className="pb-4">
      <form noValidate onSubmit={(event) => void submit(event)} className="space-y-1 px-4 pt-3">
        {refusal && (
          <p role="alert" className="mb-2 rounded-md bg-danger-soft px-3 py-2 text-danger">
            {refusal}
          </p>
        )}
        {shown.map((f) => (
          <FieldLine key={f.name} object={object.name} field={f} form={form} beside />
        ))}
        {shown.length < fields.length || showEmpty ? (
          <Button tone="quiet" className="mt-1 text-xs!" onClick={() => setShowEmpty(!showEmpty)}>
            {showEmpty ? t("record.hideEmpty") : t("record.showEmpty")}
          </Button>
        ) : null}
        <button type="submit" hidden />
        {isDirty && (
          <div className="sticky bottom-3 z-10 mt-2 flex items-center gap-2 rounded-lg bg-raised p-2 ps-3 shadow-float">
            <span role="status" className="min-w-0 flex-1 truncate text-xs text-ink-2">
              {wrong > 0 ? (
                <span className="text-danger">{t("check.fix", { count: wrong })}</span>
              ) : (
                t("record.unsaved")
              )}
            </span>
            <Button
              tone="quiet"
              onClick={() => {
                setRefusal("");
                dirty.current = false;
                form.reset(valuesOf(fields, record));
              }}
            >
              {t("record.cancel")}
            </Button>
            <Button type="submit" tone="accent" disabled={isSubmitting} title={`${modifier}+S`}>
              {t("record.save")}
            </Button>
          </div>
        )}
      </form>
      {told.some((f) => !isEmpty(record[f.name])) && (
        <dl className="mx-4 mt-4 grid grid-cols-[6.5rem_1fr] sm:grid-cols-[9.5rem_1fr] gap-x-3 gap-y-1.5 border-t border-line pt-4">
          {told
            .filter((f) => !isEmpty(record[f.name]))
            .map((f) => (
              <div key={f.name} className="contents">
                <dt className="text-ink-2">{f.label}</dt>
                <dd className="min-w-0 px-2.5">
                  <Value object={object.name} field={f} value={record[f.name]} record={record} />
                </dd>
              </div>
            ))}
        </dl>
      )}
      <dl
        className="mx-4 mt-4 grid grid-cols-[6.5rem_1fr] sm:grid-cols-[9.5rem_1fr] gap-x-3 gap-y-1.5 border-t border-line pt-4 text-xs"
        aria-label={t("record.system")}
      >
        {system
          .filter((f) => !isEmpty(record[f.name]))
          .map((f) => (
            <div key={f.name} className="contents">
              <dt className="text-ink-3">{f.label}</dt>
              <dd className="min-w-0 px-2.5 text-ink-2">
                <Value object={object.name} field={f} value={record[f.name]} record={record} />
              </dd>
            </div>
          ))}
      </dl>
      <Confirm
        open={blocker.status === "blocked"}
        onOpenChange={(open) => {
          if (!open) blocker.reset?.();
        }}
        title={t("record.leaveAsk")}
        description={t("record.leaveHint")}
        action={t("record.leave")}
        onConfirm={() => {
          dirty.current = false;
          blocker.proceed?.();
        }}
      />
    </section>
  );
}

/** A relation is written by its id. */
function idOf(value: Given): Given {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const record = value as Row;
  return typeof record.id === "string" && record.object === undefined ? record.id : value;
}
