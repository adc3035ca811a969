import { Check, Minus, Paperclip, Star } from "lucide-react";
import { memo } from "react";
import type { Value as Given, Row } from "@/api/records";
import type { Field } from "@/api/schema";
import { typeOf } from "@/api/schema";
import { Avatar } from "@/components/ui/avatar";
import { hueOf } from "@/format/hue";
import { isEmpty, optionLabel, showPhone, showText } from "@/format/text";
import { useModel } from "@/state/model";
import { useWords } from "@/state/words";
import { optionHue } from "./hues";
import { RecordLink } from "./record-link";

interface Props {
  object: string;
  field: Field;
  value: Given;
  record?: Row | undefined;
  /** In a table each value has one line. */
  line?: boolean;
}

const link = "truncate text-accent-ink hover:underline underline-offset-2";

/** Only addresses of the web are links: a javascript: one would run as the page. */
export const isWebAddress = (text: string): boolean => /^https?:\/\//i.test(text);

function Chip({ label, hue }: { label: string; hue: number }) {
  return (
    <span className="chip" data-hue={hue}>
      <span className="truncate">{label}</span>
    </span>
  );
}

/** A value as people read it. */
export const Value = memo(function Value({ object, field, value, record, line = false }: Props) {
  const model = useModel();
  const words = useWords();
  if (isEmpty(value)) return line ? null : <span className="text-ink-3">–</span>;
  const type = typeOf(field);
  switch (type) {
    case "picklist":
      return <Chip label={optionLabel(field, String(value))} hue={optionHue(model, object, field, String(value))} />;
    case "multi_picklist":
    case "tags":
      return (
        <span className={line ? "flex gap-1 overflow-hidden" : "flex flex-wrap gap-1"}>
          {(Array.isArray(value) ? value : [value]).map((key) => (
            <Chip key={String(key)} label={optionLabel(field, String(key))} hue={hueOf(String(key))} />
          ))}
        </span>
      );
    case "relation": {
      const record = typeof value === "object" && value !== null ? (value as Row) : ({ id: String(value) } as Row);
      const target = field.target ?? (typeof record.object === "string" ? record.object : undefined);
      if (!target) return <span className="truncate">{String(record.id)}</span>;
      const title = showText(field, value, words, model);
      return (
        <span className="flex min-w-0 items-center gap-1.5">
          {target === "user" && <Avatar name={title} />}
          <RecordLink object={target} id={record.id} title={title === record.id ? "" : title} />
        </span>
      );
    }
    case "email":
      return (
        <a href={`mailto:${value}`} className={link}>
          {String(value)}
        </a>
      );
    case "phone":
      return (
        <a href={`tel:${String(record?.[`${field.name}_e164`] ?? value)}`} className={`figure ${link}`}>
          {showPhone(String(value))}
        </a>
      );
    case "url":
      return isWebAddress(String(value)) ? (
        <a href={String(value)} target="_blank" rel="noreferrer noopener" className={link}>
          {String(value)
            .replace(/^https?:\/\/(www\.)?/i, "")
            .replace(/\/$/, "")}
        </a>
      ) : (
        <span className="truncate">{String(value)}</span>
      );
    case "boolean":
      return (
        <span className="inline-flex items-center gap-1">
          {value === true ? (
            <Check className="size-4 text-success" aria-hidden />
          ) : (
            <Minus className="size-4 text-ink-3" aria-hidden />
          )}
          <span className={line ? "sr-only" : ""}>{showText(field, value, words)}</span>
        </span>
      );
    case "rating":
      return (
        <span className="inline-flex items-center gap-px text-warning" role="img" aria-label={String(value)}>
          {Array.from({ length: Math.min(Number(value) || 0, 10) }, (_, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the stars are all alike
            <Star key={at} className="size-3.5 fill-current" aria-hidden />
          ))}
        </span>
      );
    case "file":
    case "image":
      return (
        <a
          href={`/api/v1/files/${encodeURIComponent(fileID(value))}`}
          className={`inline-flex items-center gap-1 ${link}`}
        >
          <Paperclip className="size-3.5 shrink-0" aria-hidden />
          <span className="truncate">{fileName(value)}</span>
        </a>
      );
    case "json":
      return line ? (
        <code className="truncate font-mono text-xs">{JSON.stringify(value)}</code>
      ) : (
        <pre className="overflow-x-auto rounded-md bg-canvas p-2 font-mono text-xs">
          {JSON.stringify(value, null, 2)}
        </pre>
      );
    case "long_text":
    case "rich_text":
      return <span className={line ? "truncate" : "whitespace-pre-wrap"}>{String(value)}</span>;
    default:
      return (
        <span className={isFigure(type) ? "figure truncate" : "truncate"}>
          {showText(field, value, words, model, record)}
        </span>
      );
  }
});

const figures = new Set(["integer", "decimal", "money", "percent", "auto_number", "duration"]);

/** Whether values stand at the end of their column, figure below figure. */
export const isFigure = (type: string): boolean => figures.has(type);

export const fileID = (value: Given): string =>
  typeof value === "object" && value !== null ? String((value as Row).id) : String(value);

export const fileName = (value: Given): string =>
  typeof value === "object" && value !== null && "name" in value
    ? String((value as { name: unknown }).name)
    : fileID(value);
