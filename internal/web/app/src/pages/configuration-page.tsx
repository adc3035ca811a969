import { Link, useParams } from "@tanstack/react-router";
import { Settings2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Field, isCompanion, type ObjectType, type Pipeline, plural, typeOf } from "@/api/schema";
import { cx } from "@/components/ui/cx";
import { stageHue } from "@/components/value/hues";
import { NoObject } from "@/pages/no-object";
import { ObjectIcon } from "@/shell/object-icon";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";

/** All objects of the tenant, with how much each holds. */
export default function ConfigurationPage() {
  const { t } = useTranslation();
  const { objects, pipelines } = useModel().schema;
  const sorted = [...objects].sort((a, b) => Number(b.custom) - Number(a.custom) || plural(a).localeCompare(plural(b)));
  return (
    <>
      <PageHeader title={t("configuration.title")} icon={<Settings2 aria-hidden />} />
      <div
        tabIndex={0}
        role="region"
        aria-label={t("configuration.title")}
        className="min-h-0 flex-1 overflow-y-auto bg-canvas p-4 sm:p-6"
      >
        <div className="mx-auto max-w-5xl">
          <p className="mb-4 text-ink-2">{t("configuration.hint")}</p>
          <ul className="grid gap-2 sm:grid-cols-2 lg:grid-cols-3">
            {sorted.map((object) => (
              <li key={object.name}>
                <Link
                  to="/configuration/$object"
                  params={{ object: object.name }}
                  className="flex items-center gap-2.5 rounded-lg border border-line bg-surface px-3 py-2.5 shadow-card hover:bg-hover"
                >
                  <ObjectIcon name={object.name} className="size-4 shrink-0 text-ink-3" />
                  <span className="min-w-0 flex-1">
                    <span className="block truncate font-medium">{plural(object)}</span>
                    <span className="figure block truncate text-xs text-ink-3">
                      {t("configuration.fieldCount", { count: object.fields.filter((f) => !f.system).length })}
                      {pipelines.some((one) => one.object === object.name) && ` · ${t("configuration.pipelines")}`}
                    </span>
                  </span>
                  {(object.custom || object.fields.some((f) => f.custom)) && (
                    <span className="chip" data-hue={5}>
                      {t("configuration.custom")}
                    </span>
                  )}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </>
  );
}

export function ConfigurationOfObject() {
  const { object: name } = useParams({ from: "/configuration/$object" });
  const object = useModel().object(name);
  return object ? <Contents object={object} /> : <NoObject />;
}

function Contents({ object }: { object: ObjectType }) {
  const { t } = useTranslation();
  const pipelines = useModel().schema.pipelines.filter((one) => one.object === object.name);
  const fields = object.fields.filter((f) => !f.system && !isCompanion(object, f));
  return (
    <>
      <PageHeader title={`${t("configuration.title")} · ${plural(object)}`} icon={<ObjectIcon name={object.name} />} />
      <div
        tabIndex={0}
        role="region"
        aria-label={plural(object)}
        className="min-h-0 flex-1 overflow-y-auto bg-canvas p-4 sm:p-6"
      >
        <div className="mx-auto max-w-5xl space-y-6">
          <p className="text-ink-2">
            {object.description && <>{object.description} </>}
            {t("configuration.hint")}
          </p>
          {pipelines.map((one) => (
            <PipelineCard key={one.name} object={object} pipeline={one} />
          ))}
          <section className="overflow-hidden rounded-xl border border-line bg-surface">
            <h2 className="border-b border-line px-4 py-3 font-medium">{t("configuration.fields")}</h2>
            <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={t("configuration.fields")}>
              <table className="w-full">
                <thead>
                  <tr className="border-b border-line text-xs text-ink-2">
                    {[
                      t("configuration.name"),
                      t("configuration.type"),
                      t("configuration.rules"),
                      t("configuration.source"),
                    ].map((head) => (
                      <th key={head} scope="col" className="px-4 py-2 text-start font-medium">
                        {head}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody className="divide-y divide-line">
                  {[...fields]
                    .sort((a, b) => Number(b.custom) - Number(a.custom))
                    .map((f) => (
                      <FieldRow key={f.name} f={f} />
                    ))}
                </tbody>
              </table>
            </div>
          </section>
          {(object.rules?.length ?? 0) > 0 && (
            <section className="rounded-xl border border-line bg-surface">
              <h2 className="border-b border-line px-4 py-3 font-medium">{t("configuration.rules")}</h2>
              <ul className="divide-y divide-line">
                {object.rules?.map((rule) => (
                  <li key={rule.expression} className="px-4 py-2.5">
                    <p>{rule.message}</p>
                    <code className="font-mono text-xs break-words text-ink-3">{rule.expression}</code>
                  </li>
                ))}
              </ul>
            </section>
          )}
        </div>
      </div>
    </>
  );
}

function FieldRow({ f }: { f: Field }) {
  const { t } = useTranslation();
  const model = useModel();
  const target = f.target ? model.object(f.target) : undefined;
  const rules = [
    f.required && t("configuration.required"),
    f.unique && t("configuration.unique"),
    f.readOnly && (f.returns ? t("configuration.computed") : t("configuration.readOnly")),
    f.length && `≤ ${f.length}`,
    f.min !== undefined && `min ${f.min}`,
    f.max !== undefined && `max ${f.max}`,
    f.requiredWhen && `${t("configuration.required")}: ${f.requiredWhen}`,
  ].filter((one): one is string => Boolean(one));
  return (
    <tr className="align-top">
      <td className="px-4 py-2">
        <span className="block font-medium">{f.label}</span>
        <code className="font-mono text-xs text-ink-3">{f.name}</code>
      </td>
      <td className="px-4 py-2">
        {f.type}
        {f.returns && <span className="text-ink-3"> → {typeOf(f)}</span>}
        {target && (
          <>
            {" → "}
            <Link
              to="/configuration/$object"
              params={{ object: target.name }}
              className="text-accent-ink underline underline-offset-2"
            >
              {target.label}
            </Link>
          </>
        )}
        {f.options && (
          <span className="mt-1 flex flex-wrap gap-1">
            {f.options.map((one) => (
              <span key={one.key} className={cx("chip", one.retired && "line-through")} title={one.key}>
                {one.label}
              </span>
            ))}
          </span>
        )}
      </td>
      <td className="px-4 py-2 text-ink-2">{rules.join(", ")}</td>
      <td className="px-4 py-2 whitespace-nowrap">
        {f.custom ? (
          <span className="chip" data-hue={5}>
            {t("configuration.custom")}
          </span>
        ) : (
          <span className="text-ink-3">{t("configuration.standard")}</span>
        )}
      </td>
    </tr>
  );
}

function PipelineCard({ object, pipeline }: { object: ObjectType; pipeline: Pipeline }) {
  const { t } = useTranslation();
  const model = useModel();
  return (
    <section className="overflow-hidden rounded-xl border border-line bg-surface">
      <h2 className="border-b border-line px-4 py-3 font-medium">
        {pipeline.label} <code className="ms-1 font-mono text-xs font-normal text-ink-3">{pipeline.name}</code>
      </h2>
      <ol className="divide-y divide-line">
        {pipeline.stages.map((stage) => (
          <li key={stage.key} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
            <span className="chip" data-hue={stageHue(pipeline, stage.key)}>
              {stage.label}
            </span>
            <code className="font-mono text-xs text-ink-3">{stage.key}</code>
            <span className="figure text-ink-2">
              {t("configuration.probability")} {stage.probability}%
            </span>
            {(stage.required?.length ?? 0) > 0 && (
              <span className="text-ink-2">
                {t("configuration.requires")}{" "}
                {stage.required?.map((name) => model.field(object.name, name)?.label ?? name).join(", ")}
              </span>
            )}
            {stage.gate && <code className="font-mono text-xs break-words text-ink-3">{stage.gate}</code>}
          </li>
        ))}
      </ol>
    </section>
  );
}
