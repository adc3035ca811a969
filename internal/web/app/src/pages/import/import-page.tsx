import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Check, FileUp, Import } from "lucide-react";
import { type DragEvent, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  hasEnded,
  type Job,
  type Mapping,
  type Preview,
  previewFile,
  previewMapping,
  readJob,
  startImport,
} from "@/api/jobs";
import { type Field, isCompanion, type ObjectType, plural } from "@/api/schema";
import { JobCard } from "@/components/job-card";
import { Button } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Select } from "@/components/ui/select";
import { explain } from "@/i18n/explain";
import { NoObject } from "@/pages/no-object";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { recordsMoved } from "@/state/saving";

export default function ImportPage() {
  const { object: name } = useParams({ from: "/import/$object" });
  const object = useModel().object(name);
  return object ? <Wizard key={name} object={object} /> : <NoObject />;
}

type Step = "file" | "columns" | "run";

function Wizard({ object }: { object: ObjectType }) {
  const { t } = useTranslation();
  const [preview, setPreview] = useState<Preview | null>(null);
  const [job, setJob] = useState<Job | null>(null);
  const step: Step = job ? "run" : preview ? "columns" : "file";
  const steps: { name: Step; label: string }[] = [
    { name: "file", label: t("importing.file") },
    { name: "columns", label: t("importing.columns") },
    { name: "run", label: t("importing.run") },
  ];
  const at = steps.findIndex((one) => one.name === step);
  return (
    <>
      <PageHeader title={t("importing.title", { object: plural(object) })} icon={<Import aria-hidden />} />
      <div
        tabIndex={0}
        role="region"
        aria-label={t("importing.title", { object: plural(object) })}
        className="min-h-0 flex-1 overflow-y-auto bg-canvas p-4 sm:p-6"
      >
        <div className="mx-auto max-w-5xl space-y-5">
          <ol className="flex flex-wrap gap-x-6 gap-y-2">
            {steps.map((one, place) => (
              <li
                key={one.name}
                aria-current={place === at ? "step" : undefined}
                className={cx("flex items-center gap-2", place === at ? "font-medium" : "text-ink-3")}
              >
                <span
                  className={cx(
                    "figure flex size-5 items-center justify-center rounded-full text-2xs",
                    place < at
                      ? "bg-success-soft text-success"
                      : place === at
                        ? "bg-accent text-on-accent"
                        : "bg-active text-ink-2",
                  )}
                >
                  {place < at ? <Check className="size-3" aria-hidden /> : place + 1}
                </span>
                {one.label}
              </li>
            ))}
          </ol>
          {step === "file" && <ChooseFile object={object} onPreview={setPreview} />}
          {step === "columns" && preview && (
            <Columns
              object={object}
              preview={preview}
              onPreview={setPreview}
              onJob={setJob}
              onBack={() => setPreview(null)}
            />
          )}
          {step === "run" && job && (
            <Running
              object={object}
              job={job}
              onAgain={() => {
                setJob(null);
                setPreview(null);
              }}
              onBack={() => setJob(null)}
              onRun={() => preview && startImport(object.name, preview.file, preview.mapping, false).then(setJob)}
            />
          )}
        </div>
      </div>
    </>
  );
}

function Refusal({ error }: { error: unknown }) {
  return error ? (
    <p role="alert" className="rounded-md bg-danger-soft px-3 py-2 text-danger">
      {explain(error)}
    </p>
  ) : null;
}

function ChooseFile({ object, onPreview }: { object: ObjectType; onPreview: (preview: Preview) => void }) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const send = useMutation({ mutationFn: (file: File) => previewFile(object.name, file), onSuccess: onPreview });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) send.mutate(file);
  };
  return (
    <>
      <Refusal error={send.error} />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same */}
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        className={cx(
          "flex flex-col items-center gap-2 rounded-xl border-2 border-dashed bg-surface px-6 py-16 text-center",
          over ? "border-accent bg-accent-soft" : "border-line-strong",
        )}
      >
        <FileUp className="size-8 text-ink-3" aria-hidden />
        <p className="text-base font-semibold">{t("importing.drop")}</p>
        <p className="text-ink-2">{t("importing.dropHint")}</p>
        <input
          ref={input}
          type="file"
          accept=".csv,.tsv,.txt,.xlsx"
          className="sr-only"
          tabIndex={-1}
          aria-label={t("importing.chooseFile")}
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) send.mutate(file);
          }}
        />
        <Button tone="accent" className="mt-3" disabled={send.isPending} onClick={() => input.current?.click()}>
          {send.isPending ? t("common.loading") : t("importing.chooseFile")}
        </Button>
      </div>
    </>
  );
}

/** A mapping with another field for a column; null takes the column out. */
function mapped(mapping: Mapping, column: string, field: string | null, guess: Mapping): Mapping {
  const others = mapping.fields.filter((one) => one.column !== column && one.field !== field);
  // What was guessed for this very pair knows more: words for options, how to look a record up.
  const known = guess.fields.find((one) => one.column === column && one.field === field);
  const fields = field === null ? others : [...others, known ?? { field, column }];
  const key = mapping.key && fields.some((one) => one.field === mapping.key) ? mapping.key : undefined;
  const { key: _, ...rest } = mapping;
  return { ...rest, fields, ...(key && { key }) };
}

interface ColumnsProps {
  object: ObjectType;
  preview: Preview;
  onPreview: (preview: Preview) => void;
  onJob: (job: Job) => void;
  onBack: () => void;
}

function Columns({ object, preview, onPreview, onJob, onBack }: ColumnsProps) {
  const { t } = useTranslation();
  const model = useModel();
  const [guess] = useState(preview.mapping);
  const change = useMutation({
    mutationFn: (next: Mapping) => previewMapping(object.name, preview.file, next),
    onSuccess: onPreview,
  });
  const run = useMutation({
    mutationFn: (dryRun: boolean) => startImport(object.name, preview.file, preview.mapping, dryRun),
    onSuccess: onJob,
  });
  const fields = useMemo(
    () => object.fields.filter((f) => !f.readOnly && !isCompanion(object, f) && !["id", "version"].includes(f.name)),
    [object],
  );
  const choices = fields.flatMap((f) => [
    { value: f.name, label: f.label },
    ...(f.parts ?? []).map((part) => ({ value: `${f.name}.${part.name}`, label: `${f.label} · ${part.label}` })),
  ]);
  const fieldOf = (column: string) => preview.mapping.fields.find((one) => one.column === column)?.field ?? null;
  const matched = preview.columns.filter((one) => fieldOf(one.name) !== null).length;
  const missing = (preview.missing ?? []).map((name) => model.field(object.name, name)?.label ?? name);
  const label = (name: string) => choices.find((one) => one.value === name)?.label ?? name;
  const rows = preview.rows ?? [];
  const problems = rows.filter((row) => (row.problems?.length ?? 0) > 0).length;
  return (
    <>
      <Refusal error={change.error ?? run.error} />
      <section className="overflow-hidden rounded-xl border border-line bg-surface">
        <p className="border-b border-line px-4 py-3 font-medium" role="status">
          {t("importing.matched", { matched, all: preview.columns.length })}
          {missing.length > 0 && (
            <span className="ms-3 font-normal text-danger">{t("importing.needs", { fields: missing.join(", ") })}</span>
          )}
        </p>
        <ul className="divide-y divide-line">
          {preview.columns.map((column) => (
            <li key={column.name} className="grid items-center gap-x-4 gap-y-1 px-4 py-2 sm:grid-cols-[1fr_1fr_16rem]">
              <span className="min-w-0 truncate font-medium">{column.name}</span>
              <span className="min-w-0 truncate text-ink-3">{(column.samples ?? []).slice(0, 3).join(" · ")}</span>
              <Select
                label={`${t("importing.field")}: ${column.name}`}
                value={fieldOf(column.name)}
                nothing={t("importing.ignore")}
                placeholder={t("importing.ignore")}
                choices={choices}
                disabled={change.isPending}
                onChange={(field) => change.mutate(mapped(preview.mapping, column.name, field, guess))}
              />
            </li>
          ))}
        </ul>
        {(preview.keys?.length ?? 0) > 0 && (
          <div className="flex flex-wrap items-center gap-3 border-t border-line px-4 py-3">
            <span className="min-w-0 flex-1 text-ink-2">{t("importing.key")}</span>
            <Select
              className="w-64!"
              label={t("importing.key")}
              value={preview.mapping.key ?? null}
              nothing={t("importing.noKey")}
              placeholder={t("importing.noKey")}
              choices={(preview.keys ?? []).map((name) => ({ value: name, label: label(name) }))}
              onChange={(key) => {
                const { key: _, ...rest } = preview.mapping;
                change.mutate(key ? { ...rest, key } : rest);
              }}
            />
          </div>
        )}
      </section>
      <Rows preview={preview} fields={fields} problems={problems} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onBack}>{t("importing.back")}</Button>
        <Button disabled={run.isPending || change.isPending || matched === 0} onClick={() => run.mutate(true)}>
          {t("importing.check")}
        </Button>
        <Button
          tone="accent"
          disabled={run.isPending || change.isPending || missing.length > 0 || matched === 0}
          onClick={() => run.mutate(false)}
        >
          {t("importing.start")}
        </Button>
      </div>
    </>
  );
}

function Rows({ preview, problems }: { preview: Preview; fields: Field[]; problems: number }) {
  const { t } = useTranslation();
  const rows = preview.rows ?? [];
  return (
    <section className="overflow-hidden rounded-xl border border-line bg-surface">
      <h2 className="flex items-center gap-3 border-b border-line px-4 py-3 font-medium">
        {t("importing.preview")}
        <span className={cx("text-xs font-normal", problems > 0 ? "text-danger" : "text-ink-3")}>
          {problems > 0 ? `${t("importing.problems")}: ${problems}` : t("importing.noProblems")}
        </span>
      </h2>
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={t("importing.preview")}>
        <table className="w-full text-start">
          <thead>
            <tr className="border-b border-line text-xs text-ink-2">
              <th scope="col" className="px-4 py-2 text-end font-medium">
                #
              </th>
              {preview.columns.map((column) => (
                <th key={column.name} scope="col" className="px-3 py-2 text-start font-medium whitespace-nowrap">
                  {column.name}
                </th>
              ))}
              <th scope="col" className="px-3 py-2 text-start font-medium">
                {t("importing.problems")}
              </th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {rows.map((row) => {
              const wrong = new Set((row.problems ?? []).map((one) => one.column));
              return (
                <tr key={row.line}>
                  <td className="figure px-4 py-1.5 text-end text-ink-3">{row.line}</td>
                  {preview.columns.map((column, at) => (
                    <td
                      key={column.name}
                      className={cx(
                        "max-w-60 truncate px-3 py-1.5",
                        wrong.has(column.name) && "bg-danger-soft text-danger",
                      )}
                    >
                      {row.cells[at]}
                    </td>
                  ))}
                  <td className="min-w-48 px-3 py-1.5 text-danger">
                    {(row.problems ?? []).map((one) => one.message).join("; ")}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface RunningProps {
  object: ObjectType;
  job: Job;
  onAgain: () => void;
  onBack: () => void;
  onRun: () => void;
}

function Running({ object, job, onAgain, onBack, onRun }: RunningProps) {
  const { t } = useTranslation();
  const followed = useQuery({
    queryKey: ["jobs", job.id],
    queryFn: ({ signal }) => readJob(job.id, 0, signal),
    initialData: job,
    refetchInterval: (query) => (query.state.data && hasEnded(query.state.data) ? false : 500),
    staleTime: 0,
  });
  const now = followed.data;
  const ended = hasEnded(now);
  useEffect(() => {
    if (ended && !job.dryRun) void recordsMoved(object.name);
  }, [ended, job.dryRun, object.name]);
  return (
    <>
      <p className="text-base font-semibold" role="status">
        {!ended
          ? job.dryRun
            ? t("importing.checking")
            : t("importing.running")
          : job.dryRun
            ? t("importing.tryFirst")
            : t("importing.finished")}
      </p>
      <JobCard job={now} />
      {ended && (
        <div className="flex flex-wrap justify-end gap-2">
          {job.dryRun ? (
            <>
              <Button onClick={onBack}>{t("importing.back")}</Button>
              <Button tone="accent" onClick={onRun}>
                {t("importing.start")}
              </Button>
            </>
          ) : (
            <>
              <Button onClick={onAgain}>{t("importing.again")}</Button>
              <Link
                to="/o/$object"
                params={{ object: object.name }}
                className="inline-flex h-8 items-center rounded-md bg-accent px-2.5 font-medium text-on-accent hover:bg-accent-strong"
              >
                {t("importing.showList")}
              </Link>
            </>
          )}
        </div>
      )}
    </>
  );
}
