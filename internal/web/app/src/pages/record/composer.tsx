import { useState } from "react";
import { useTranslation } from "react-i18next";
import { create, type Row } from "@/api/records";
import type { ObjectType } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/select";
import { notify } from "@/components/ui/toast";
import { fromLocal } from "@/format/moments";
import { explain } from "@/i18n/explain";
import { useModel } from "@/state/model";
import { recordsMoved } from "@/state/saving";
import { useWords } from "@/state/words";

const longestSubject = 100;

/** A note has no subject of its own: its first line is one. */
export function subjectOf(text: string): { subject: string; details: string | null } {
  const [first = ""] = text.trim().split("\n");
  const characters = [...first];
  if (characters.length <= longestSubject && text.trim() === first) return { subject: first, details: null };
  return { subject: characters.slice(0, longestSubject).join(""), details: text.trim() };
}

/** Writes a note, a task or a call to a record. */
export function Composer({ object, record }: { object: ObjectType; record: Row }) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const [kind, setKind] = useState("note");
  const [text, setText] = useState("");
  const [due, setDue] = useState("");
  const [busy, setBusy] = useState(false);
  const link = model.link("activity", object.name);
  const kinds = model.field("activity", "kind")?.options?.filter((one) => !one.retired) ?? [];
  if (!link || kinds.length === 0) return null;
  const post = async () => {
    if (text.trim() === "" || busy) return;
    setBusy(true);
    const { subject, details } = subjectOf(text);
    try {
      await create("activity", {
        kind,
        subject,
        ...(details && { details }),
        ...(due && { due_at: fromLocal(due, words.timeZone) }),
        [link.name]: link.target ? record.id : { object: object.name, id: record.id },
      });
      setText("");
      setDue("");
      await recordsMoved("activity");
    } catch (error) {
      notify({ title: explain(error), failed: true });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="mb-5 rounded-lg border border-line-strong bg-surface shadow-card focus-within:border-accent"
      onSubmit={(event) => {
        event.preventDefault();
        void post();
      }}
    >
      <textarea
        value={text}
        rows={text.includes("\n") ? 4 : 2}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void post();
        }}
        aria-label={t("record.addPlaceholder")}
        placeholder={t("record.addPlaceholder")}
        className="w-full resize-none bg-transparent px-3 pt-2.5 outline-none pointer-coarse:text-base"
      />
      <div className="flex flex-wrap items-center gap-2 px-2 pb-2">
        <Select
          label={model.field("activity", "kind")?.label}
          value={kind}
          onChange={(next) => setKind(next ?? kind)}
          choices={kinds.map((one) => ({ value: one.key, label: one.label }))}
          className="w-32!"
        />
        {kind !== "note" && (
          <input
            type="datetime-local"
            aria-label={t("record.due")}
            value={due}
            onChange={(event) => setDue(event.target.value)}
            className="control w-auto!"
          />
        )}
        <Button type="submit" tone="accent" className="ms-auto" disabled={busy || text.trim() === ""}>
          {t("record.post")}
        </Button>
      </div>
    </form>
  );
}
