import { zodResolver } from "@hookform/resolvers/zod";
import { type ReactNode, useId, useMemo } from "react";
import { Controller, type FieldValues, type UseFormReturn, useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { ZodType } from "zod";
import { Problem } from "@/api/problem";
import type { Value } from "@/api/records";
import type { Field } from "@/api/schema";
import { cx } from "@/components/ui/cx";
import { Editor } from "@/components/value/editor";
import { countCharacters, formSchema } from "@/format/check";
import { useWords } from "@/state/words";

export type FieldsForm = UseFormReturn<FieldValues, unknown, FieldValues>;

/** A form of fields that checks while one types, by the rules of the schema. */
export function useFieldsForm(fields: Field[], values: Record<string, Value>): FieldsForm {
  const { t } = useTranslation();
  const words = useWords();
  const resolver = useMemo(
    () => zodResolver(formSchema(fields, t, words.language) as unknown as ZodType<FieldValues, FieldValues>),
    [fields, t, words.language],
  );
  return useForm<FieldValues>({ resolver, values, mode: "onChange", resetOptions: { keepDirtyValues: true } });
}

/** Puts what the server refused at its fields; what has no field is given back as a text. */
export function refuse(form: FieldsForm, fields: Field[], error: unknown): string {
  if (!(error instanceof Problem) || error.violations.length === 0)
    return error instanceof Problem ? error.message : "";
  const rest: string[] = [];
  for (const violation of error.violations) {
    const name = violation.path.split(".")[0] ?? "";
    if (fields.some((f) => f.name === name)) form.setError(name, { type: "server", message: violation.message });
    else rest.push(violation.path ? `${violation.path}: ${violation.message}` : violation.message);
  }
  return rest.join("; ");
}

interface LineProps {
  object: string;
  field: Field;
  form: FieldsForm;
  /** The label stands beside the control where there is room. */
  beside?: boolean;
  autoFocus?: boolean;
  note?: ReactNode;
}

/** One field of a form: its label, its control, and what is wrong with it. */
export function FieldLine({ object, field: f, form, beside = false, autoFocus = false }: LineProps) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <Controller
      name={f.name}
      control={form.control}
      render={({ field: control, fieldState: { error, isDirty } }) => {
        const length = f.length && typeof control.value === "string" ? countCharacters(control.value) : 0;
        const near = f.length !== undefined && f.length > 0 && length > f.length * 0.8;
        const hint = error?.message ?? (beside ? undefined : f.description);
        const describedBy = hint || near ? `${id}-hint` : undefined;
        return (
          <div className={cx(beside && "grid grid-cols-[6.5rem_1fr] gap-x-3 sm:grid-cols-[9.5rem_1fr]")}>
            <label
              htmlFor={id}
              title={f.description}
              className={cx(
                "mb-1 flex items-baseline gap-1 text-sm",
                beside ? "mb-0! self-start pt-1.5 text-ink-2 pointer-coarse:pt-2.5" : "font-medium",
              )}
            >
              <span className="min-w-0 break-words">{f.label}</span>
              {f.required && (
                <span className="text-danger" aria-hidden>
                  *
                </span>
              )}
              {f.required && <span className="sr-only">({t("record.required")})</span>}
              {isDirty && beside && <span className="ms-1 size-1.5 self-center rounded-full bg-accent" aria-hidden />}
            </label>
            <div className={beside ? "quiet-control min-w-0" : "min-w-0"}>
              <Editor
                object={object}
                field={f}
                id={id}
                value={control.value as Value}
                onChange={control.onChange}
                onBlur={control.onBlur}
                invalid={error !== undefined}
                describedBy={describedBy}
                autoFocus={autoFocus}
                record={form.getValues()}
              />
              {(hint || near) && (
                <p
                  id={`${id}-hint`}
                  className={cx("mt-1 flex justify-between gap-2 text-xs", error ? "text-danger" : "text-ink-3")}
                >
                  <span role={error ? "alert" : undefined}>{hint}</span>
                  {near && (
                    <span className="figure shrink-0">
                      {length}/{f.length}
                    </span>
                  )}
                </p>
              )}
            </div>
          </div>
        );
      }}
    />
  );
}
