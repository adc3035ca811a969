import type { Field, Model, Part, Pipeline } from "@/api/schema";
import { hueOf } from "@/format/hue";

const kinds = { won: 2, lost: 4 } as const;
const openHues = [6, 1, 5, 3, 7];

export const stageHue = (pipeline: Pipeline, key: string): number => {
  const stage = pipeline.stages.find((one) => one.key === key);
  if (!stage) return 0;
  if (stage.kind !== "open") return kinds[stage.kind];
  const place = pipeline.stages.filter((one) => one.kind === "open").indexOf(stage);
  return openHues[place % openHues.length] as number;
};

/** The hue of an option: that of its stage in a pipeline, else its own by its key. */
export function optionHue(model: Model, object: string, f: Field | Part, key: string): number {
  const pipeline = model.schema.pipelines.find((one) => one.object === object && one.field === f.name);
  return pipeline ? stageHue(pipeline, key) : hueOf(key);
}
