import { useMutation } from "@tanstack/react-query";
import { ListFilter, Plus, X } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { list } from "@/api/records";
import { type Field, isCompanion, type ObjectType, typeOf } from "@/api/schema";
import { Button, IconButton } from "@/components/ui/button";
import { Popover } from "@/components/ui/popover";
import { Select } from "@/components/ui/select";
import { Editor } from "@/components/value/editor";
import { type Condition, isAlone, type Operator, operatorsOf, readFilter, writeFilter } from "@/format/filter";
import { explain } from "@/i18n/explain";

interface Props {
  object: ObjectType;
  filter: string;
  onFilter: (filter: string) => void;
}

/** Which records a list shows: clicked together, or written as the CEL that it is. */
export function FilterPopover({ object, filter, onFilter }: Props) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const conditions = readFilter(object, filter);
  return (
    <Popover
      title={t("list.filter")}
      open={open}
      onOpenChange={setOpen}
      className="w-[min(34rem,calc(100vw-1rem))]"
      trigger={
        <Button tone="quiet" aria-label={t("list.filter")} className={filter ? "bg-accent-soft! text-accent-ink!" : ""}>
          <ListFilter aria-hidden />
          <span className="hidden sm:inline">{t("list.filter")}</span>
          {filter && (
            <span className="figure rounded-sm bg-accent px-1 text-2xs text-on-accent">
              {conditions?.length ?? "CEL"}
            </span>
          )}
        </Button>
      }
    >
      {open && <Builder object={object} filter={filter} onFilter={onFilter} onDone={() => setOpen(false)} />}
    </Popover>
  );
}

function Builder({ object, filter, onFilter, onDone }: Props & { onDone: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const read = readFilter(object, filter);
  const fields = object.fields.filter((f) => operatorsOf(f).length > 0 && !isCompanion(object, f));
  const [asText, setAsText] = useState(read === null);
  const [text, setText] = useState(filter);
  const [conditions, setConditions] = useState<Condition[]>(read && read.length > 0 ? read : [fresh(fields)]);

  // The server knows whether an expression is right; a bad one is not taken over.
  const apply = useMutation({
    mutationFn: async (next: string) => {
      if (next !== "") await list(object.name, { filter: next, fields: ["id"], limit: 1 });
      return next;
    },
    onSuccess: (next) => {
      onFilter(next);
      onDone();
    },
  });
  const set = (place: number, next: Condition) =>
    setConditions((all) => all.map((one, at) => (at === place ? next : one)));
  return (
    <form
      className="space-y-2.5"
      onSubmit={(event) => {
        event.preventDefault();
        apply.mutate((asText ? text : writeFilter(object, conditions)).trim());
      }}
    >
      {asText ? (
        <div>
          <label htmlFor={id} className="mb-1 block text-xs font-medium text-ink-2">
            {t("list.filterHint")}
          </label>
          <textarea
            id={id}
            rows={4}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="control py-1.5 font-mono text-xs"
            placeholder={'amount > 1000 && stage in ["won", "lost"]'}
          />
          {readFilter(object, text) === null && text.trim() !== "" && (
            <p className="mt-1 text-xs text-ink-3">{t("list.notBuilt")}</p>
          )}
        </div>
      ) : (
        <ul className="space-y-2">
          {conditions.map((one, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no name but their place
            <li key={place}>
              <ConditionLine
                object={object}
                fields={fields}
                condition={one}
                onChange={(next) => set(place, next)}
                onRemove={() => setConditions((all) => all.filter((_, at) => at !== place))}
              />
            </li>
          ))}
        </ul>
      )}
      {apply.error && (
        <p role="alert" className="rounded-md bg-danger-soft px-2.5 py-1.5 text-xs break-words text-danger">
          {explain(apply.error)}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-1.5">
        {!asText && (
          <Button tone="quiet" onClick={() => setConditions((all) => [...all, fresh(fields)])}>
            <Plus aria-hidden />
            {t("list.addCondition")}
          </Button>
        )}
        <Button
          tone="quiet"
          disabled={asText && readFilter(object, text) === null}
          onClick={() => {
            if (asText) setConditions(readFilter(object, text) ?? []);
            else setText(writeFilter(object, conditions));
            setAsText(!asText);
          }}
        >
          {asText ? t("list.asConditions") : t("list.asExpression")}
        </Button>
        <span className="flex-1" />
        {filter && (
          <Button
            tone="quiet"
            onClick={() => {
              onFilter("");
              onDone();
            }}
          >
            {t("common.clear")}
          </Button>
        )}
        <Button type="submit" tone="accent" disabled={apply.isPending}>
          {t("list.apply")}
        </Button>
      </div>
    </form>
  );
}

function fresh(fields: Field[]): Condition {
  const f = fields.find((one) => !one.system) ?? (fields[0] as Field);
  return { field: f.name, operator: operatorsOf(f)[0] as Operator, values: [] };
}

interface LineProps {
  object: ObjectType;
  fields: Field[];
  condition: Condition;
  onChange: (condition: Condition) => void;
  onRemove: () => void;
}

function ConditionLine({ object, fields, condition, onChange, onRemove }: LineProps) {
  const { t } = useTranslation();
  const f = fields.find((one) => one.name === condition.field) ?? (fields[0] as Field);
  const operators = operatorsOf(f);
  return (
    <div className="grid grid-cols-[1fr_auto] gap-1.5 sm:grid-cols-[11rem_8.5rem_1fr_auto]">
      <Select
        label={t("list.field")}
        value={f.name}
        choices={fields.map((one) => ({ value: one.name, label: one.label }))}
        onChange={(name) => {
          const next = fields.find((one) => one.name === name) ?? f;
          onChange({ field: next.name, operator: operatorsOf(next)[0] as Operator, values: [] });
        }}
      />
      <Select
        label={t("list.operator")}
        value={condition.operator}
        className="max-sm:col-start-1"
        choices={operators.map((one) => ({ value: one, label: t(`operators.${one}`) }))}
        onChange={(next) => {
          const operator = next as Operator;
          const keeps = !isAlone(operator) && (operator === "in") === (condition.operator === "in");
          onChange({
            ...condition,
            operator,
            values: keeps
              ? condition.values
              : condition.values.slice(0, operator === "in" ? 1 : isAlone(operator) ? 0 : 1),
          });
        }}
      />
      <div className="min-w-0 max-sm:col-start-1">
        {!isAlone(condition.operator) && (
          <Editor
            object={object.name}
            field={asked(f, condition.operator)}
            label={t("list.value")}
            value={condition.operator === "in" ? condition.values : (condition.values[0] ?? null)}
            onChange={(next) =>
              onChange({
                ...condition,
                values: next === null ? [] : Array.isArray(next) ? next.map(String) : [String(next)],
              })
            }
          />
        )}
      </div>
      <IconButton label={t("list.remove")} className="max-sm:col-start-2 max-sm:row-start-1" onClick={onRemove}>
        <X aria-hidden />
      </IconButton>
    </div>
  );
}

/** The field in which the value of a condition is typed. */
function asked(f: Field, operator: Operator): Field {
  const type = typeOf(f);
  if (operator === "in") return { ...f, type: "multi_picklist", required: true };
  if (["email", "phone", "url", "long_text"].includes(type)) return { ...f, type: "text", required: false };
  if (type === "auto_number") return { ...f, type: "integer" };
  return { ...f, type, readOnly: false, required: true };
}
