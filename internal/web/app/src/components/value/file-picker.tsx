import { Paperclip, X } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { uploadFile } from "@/api/files";
import type { Value } from "@/api/records";
import type { Part } from "@/api/schema";
import { Button, IconButton } from "@/components/ui/button";
import { notify } from "@/components/ui/toast";
import { explain } from "@/i18n/explain";
import { fileName } from "./value";

interface Props {
  field: Part;
  value: Value;
  onChange: (value: Value) => void;
  id?: string | undefined;
  label?: string | undefined;
}

/** Sends a file and keeps its id. */
export function FilePicker({ field: f, value, onChange, id, label }: Props) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [sent, setSent] = useState<{ id: string; name: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (file: File | undefined) => {
    if (!file) return;
    setBusy(true);
    try {
      const made = await uploadFile(file);
      setSent({ id: made.id, name: file.name });
      onChange(made.id);
    } catch (error) {
      notify({ title: explain(error), failed: true });
    } finally {
      setBusy(false);
    }
  };
  const name = value ? (sent && sent.id === value ? sent.name : fileName(value)) : "";
  return (
    <div className="flex min-h-8 items-center gap-2">
      <input
        ref={input}
        type="file"
        className="sr-only"
        tabIndex={-1}
        aria-hidden
        accept={f.type === "image" ? "image/*" : undefined}
        onChange={(event) => void send(event.target.files?.[0])}
      />
      <Button id={id} aria-label={label} disabled={busy} onClick={() => input.current?.click()}>
        <Paperclip aria-hidden />
        {busy ? t("record.uploading") : t("record.upload")}
      </Button>
      {name && (
        <>
          <span className="min-w-0 truncate">{name}</span>
          <IconButton label={t("record.clearValue")} onClick={() => onChange(null)}>
            <X aria-hidden />
          </IconButton>
        </>
      )}
    </div>
  );
}
