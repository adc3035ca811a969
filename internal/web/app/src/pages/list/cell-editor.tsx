import { type FocusEvent, type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Row, Value } from "@/api/records";
import type { Field, ObjectType } from "@/api/schema";
import { Editor } from "@/components/value/editor";
import { check } from "@/format/check";
import { saveOrSay } from "@/state/saving";
import { useWords } from "@/state/words";

/** Fields that are chosen, not typed: a choice is saved at once. */
const chosenTypes = new Set(["picklist", "relation", "boolean"]);

interface Props {
  object: ObjectType;
  field: Field;
  row: Row;
  /** Ends the editing; true when the keyboard goes back to the cell. */
  onDone: (back: boolean) => void;
}

const idOf = (value: Value): Value =>
  typeof value === "object" && value !== null && "id" in value ? (value as Row).id : value;

/** One value of a row, changed where it stands. */
export function CellEditor({ object, field: f, row, onDone }: Props) {
  const { t } = useTranslation();
  const words = useWords();
  const before = row[f.name];
  const [value, setValue] = useState<Value>(before);
  const [problem, setProblem] = useState("");
  const over = useRef(false);

  const commit = (next: Value, back: boolean) => {
    if (over.current) return;
    const one = check(f, next, t, words.language);
    if ("problem" in one) {
      setProblem(one.problem);
      return;
    }
    over.current = true;
    onDone(back);
    if (JSON.stringify(idOf(one.value)) !== JSON.stringify(idOf(before ?? null))) {
      void saveOrSay(object.name, row, { [f.name]: one.value });
    }
  };
  const cancel = () => {
    over.current = true;
    onDone(true);
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.preventDefault();
      cancel();
    } else if (event.key === "Enter" && !chosenTypes.has(f.type) && (f.type !== "long_text" || event.ctrlKey)) {
      event.preventDefault();
      commit(value, true);
    }
    event.stopPropagation();
  };
  const left = (event: FocusEvent<HTMLDivElement>) => {
    const next = event.relatedTarget as Node | null;
    if (chosenTypes.has(f.type) || event.currentTarget.contains(next)) return;
    commit(value, false);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it hears what bubbles up from the field inside
    <div
      className="absolute inset-x-0 top-0 z-30 min-w-full rounded-md bg-raised p-0.5 shadow-float"
      onKeyDown={pressed}
      onBlur={left}
    >
      <Editor
        object={object.name}
        field={f}
        value={value}
        label={t("list.editCell", { field: f.label })}
        invalid={problem !== ""}
        autoFocus
        record={row}
        onChange={(next) => {
          setValue(next);
          setProblem("");
          if (chosenTypes.has(f.type)) commit(next, true);
        }}
        {...(f.type === "picklist" && { onBlur: cancel })}
      />
      {problem && (
        <p role="alert" className="px-2 py-1 text-xs text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}
