import type { Row, Value } from "@/api/records";
import type { Field, Model, Pipeline, Stage } from "@/api/schema";
import { isEmpty } from "@/format/text";

/** Why a record cannot go into a stage as it is. */
export type Obstacle = { kind: "forbidden" } | { kind: "missing"; fields: Field[] };

/** What stands between a record and a stage, as far as the page can tell; the server has the last word. */
export function obstacle(model: Model, pipeline: Pipeline, record: Row, stage: Stage): Obstacle | null {
  const from = pipeline.stages.find((one) => one.key === record[pipeline.field]);
  if (from?.allowedMoves && !from.allowedMoves.includes(stage.key)) return { kind: "forbidden" };
  const fields = (stage.required ?? [])
    .map((name) => model.field(pipeline.object, name))
    .filter((f) => f !== undefined)
    .filter((f) => isEmpty(record[f.name]));
  return fields.length > 0 ? { kind: "missing", fields } : null;
}

/** The values that move a record. */
export const movingTo = (pipeline: Pipeline, stage: Stage): Record<string, Value> => ({ [pipeline.field]: stage.key });
