import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Value as Given, Row } from "@/api/records";
import type { Field, Part } from "@/api/schema";
import { Checkbox } from "@/components/ui/checkbox";
import { Select } from "@/components/ui/select";
import { fromLocal, toLocal } from "@/format/moments";
import { readNumber } from "@/format/number";
import { showText } from "@/format/text";
import { useModel } from "@/state/model";
import { useWords } from "@/state/words";
import { FilePicker } from "./file-picker";
import { optionHue } from "./hues";
import { RelationPicker } from "./relation-picker";

export interface EditorProps {
  object: string;
  field: Field | Part;
  value: Given;
  onChange: (value: Given) => void;
  onBlur?: () => void;
  id?: string;
  label?: string | undefined;
  describedBy?: string | undefined;
  invalid?: boolean;
  autoFocus?: boolean;
  disabled?: boolean;
  /** The record's other values: they decide which options there are. */
  record?: Record<string, Given> | undefined;
}

const textTypes: Record<string, { type: string; inputMode?: "email" | "tel" | "url" }> = {
  email: { type: "email", inputMode: "email" },
  phone: { type: "tel", inputMode: "tel" },
  url: { type: "url", inputMode: "url" },
};

const numbers = new Set(["integer", "decimal", "money", "percent", "rating"]);

/** The options that can be chosen: those in use, and that the field on which they depend allows. */
function useOptions(f: Field | Part, record: Record<string, Given> | undefined, value: Given) {
  const depends = f.dependsOn ? record?.[f.dependsOn] : undefined;
  return (f.options ?? []).filter(
    (one) =>
      (!one.retired || one.key === value) &&
      (!f.dependsOn || !one.when || (typeof depends === "string" && one.when.includes(depends))),
  );
}

/** A field to fill in. What it holds is what the API takes, or what was typed while that is not right yet. */
export function Editor(props: EditorProps) {
  const {
    object,
    field: f,
    value,
    onChange,
    onBlur,
    id,
    label,
    describedBy,
    invalid,
    autoFocus,
    disabled,
    record,
  } = props;
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const options = useOptions(f, record, value);
  const own = useId();
  const common = {
    id,
    "aria-label": label,
    "aria-describedby": describedBy,
    "aria-invalid": invalid ? true : undefined,
    disabled,
    onBlur,
    autoFocus,
    name: `${own}-${f.name}`,
    autoComplete: "off",
  };
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  const typed = (next: string) => onChange(next === "" ? null : next);

  switch (f.type) {
    case "long_text":
    case "rich_text":
      return (
        <textarea
          {...common}
          rows={4}
          value={text}
          onChange={(e) => typed(e.target.value)}
          className="control py-1.5"
        />
      );
    case "json":
      return (
        <textarea
          {...common}
          rows={4}
          spellCheck={false}
          value={
            typeof value === "string"
              ? value
              : value === null || value === undefined
                ? ""
                : JSON.stringify(value, null, 2)
          }
          onChange={(e) => typed(e.target.value)}
          className="control py-1.5 font-mono"
        />
      );
    case "boolean":
      return (
        <span className="flex h-8 items-center">
          <Checkbox
            checked={value === true || value === "true"}
            onChange={onChange}
            id={id}
            label={label}
            describedBy={describedBy}
            disabled={disabled ?? false}
          />
        </span>
      );
    case "picklist":
      return (
        <Select
          id={id}
          label={label}
          describedBy={describedBy}
          invalid={invalid ?? false}
          disabled={disabled ?? false}
          value={text === "" ? null : text}
          onChange={onChange}
          placeholder={t("record.choose")}
          nothing={f.required ? undefined : t("record.none")}
          choices={options.map((one) => ({
            value: one.key,
            label: one.label,
            hue: optionHue(model, object, f, one.key),
          }))}
          {...(autoFocus && { defaultOpen: true })}
          {...(onBlur && { onClose: onBlur })}
        />
      );
    case "multi_picklist": {
      const chosen = Array.isArray(value) ? (value as string[]) : [];
      return (
        <fieldset
          className="flex flex-wrap gap-x-4 gap-y-1.5 py-1.5"
          aria-label={label ?? f.label}
          aria-describedby={describedBy}
          id={id}
        >
          {options.map((one) => (
            // biome-ignore lint/a11y/noLabelWithoutControl: the checkbox is inside
            <label key={one.key} className="flex items-center gap-2">
              <Checkbox
                checked={chosen.includes(one.key)}
                disabled={disabled ?? false}
                onChange={(on) => onChange(on ? [...chosen, one.key] : chosen.filter((key) => key !== one.key))}
              />
              {one.label}
            </label>
          ))}
        </fieldset>
      );
    }
    case "tags":
      return (
        <input
          {...common}
          placeholder={t("record.tagsHint")}
          defaultValue={Array.isArray(value) ? value.join(", ") : ""}
          onChange={(e) => {
            const tags = e.target.value
              .split(/[,，、]/)
              .map((one) => one.trim())
              .filter(Boolean);
            onChange(tags.length === 0 ? null : [...new Set(tags)]);
          }}
          className="control"
        />
      );
    case "date":
      return (
        <input
          {...common}
          type="date"
          data-empty={text === "" || undefined}
          value={text}
          onChange={(e) => typed(e.target.value)}
          className="control"
        />
      );
    case "time":
      return (
        <input
          {...common}
          type="time"
          value={text.slice(0, 5)}
          onChange={(e) => typed(e.target.value)}
          className="control"
        />
      );
    case "datetime":
      return (
        <input
          {...common}
          type="datetime-local"
          data-empty={text === "" || undefined}
          value={text === "" ? "" : toLocal(text, words.timeZone)}
          onChange={(e) => onChange(e.target.value === "" ? null : fromLocal(e.target.value, words.timeZone))}
          className="control"
        />
      );
    case "relation":
      return (
        <RelationPicker
          field={f}
          value={value}
          onChange={onChange}
          id={id}
          label={label}
          describedBy={describedBy}
          invalid={invalid ?? false}
          disabled={disabled ?? false}
          {...(autoFocus && { autoFocus })}
        />
      );
    case "file":
    case "image":
      return <FilePicker field={f} value={value} onChange={onChange} id={id} label={label} />;
    case "address":
    case "person_name":
    case "geo":
      return <Parts {...props} />;
    default:
      if (numbers.has(f.type)) {
        return (
          <input
            {...common}
            inputMode={f.type === "integer" || f.scale === 0 ? "numeric" : "decimal"}
            value={text}
            onChange={(e) => typed(e.target.value)}
            onBlur={() => {
              const read = readNumber(text, words.language);
              if (text !== "" && read !== null && read !== text) onChange(read);
              onBlur?.();
            }}
            className="control figure"
          />
        );
      }
      return (
        <input
          {...common}
          {...(textTypes[f.type] ?? { type: "text" })}
          value={text}
          onChange={(e) => typed(e.target.value)}
          className="control"
        />
      );
  }
}

/** A value that is made of several, such as an address: its text, and its parts when one wants to change them. */
function Parts({ object, field: f, value, onChange, onBlur, id, disabled, autoFocus }: EditorProps) {
  const own = useId();
  const { t } = useTranslation();
  const words = useWords();
  const [open, setOpen] = useState(autoFocus ?? false);
  const parts = ("parts" in f ? f.parts : undefined) ?? [];
  const given = typeof value === "object" && value !== null ? (value as Row) : ({} as Row);
  if (!open) {
    const text = showText(f, value, words);
    return (
      <button
        type="button"
        id={id}
        disabled={disabled}
        onClick={() => setOpen(true)}
        className="control min-h-8 py-1 text-start break-words"
      >
        {text || <span className="text-ink-3">{t("record.edit")}</span>}
      </button>
    );
  }
  return (
    <fieldset id={id} aria-label={f.label} className="grid grid-cols-2 gap-2 rounded-md border border-line p-2.5">
      {parts.map((part, place) => (
        <div key={part.name} className={place === 0 && part.type === "text" ? "col-span-2" : ""}>
          <label htmlFor={`${own}-${part.name}`} className="mb-0.5 block text-xs text-ink-3">
            {part.label}
          </label>
          <Editor
            object={object}
            field={part}
            id={`${own}-${part.name}`}
            value={given[part.name]}
            disabled={disabled ?? false}
            onChange={(next) => onChange({ ...given, [part.name]: next })}
            {...(onBlur && { onBlur })}
          />
        </div>
      ))}
    </fieldset>
  );
}
