import { Bar, BarChart, CartesianGrid, Cell, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";

export interface Point {
  key: string;
  label: string;
  value: number;
  /** The variable of the colour it has. */
  colour?: string;
}

interface Props {
  points: Point[];
  name: string;
  /** Long labels lie better beside their bars. */
  lying?: boolean;
  show: (value: number) => string;
  short: (value: number) => string;
  onChoose: (point: Point) => void;
}

const tick = { fill: "var(--ink-3)", fontSize: 11 };

/** Bars that lead to what they stand for. */
export default function Chart({ points, name, lying = false, show, short, onChoose }: Props) {
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart
        data={points}
        layout={lying ? "vertical" : "horizontal"}
        margin={{ top: 4, right: 8, bottom: 0, left: 0 }}
        accessibilityLayer
        title={name}
      >
        <CartesianGrid stroke="var(--line)" vertical={lying} horizontal={!lying} />
        {lying ? (
          <>
            <XAxis type="number" tick={tick} tickFormatter={short} stroke="var(--line)" tickLine={false} />
            <YAxis
              type="category"
              dataKey="label"
              width={120}
              interval={0}
              tick={{ ...tick, fill: "var(--ink-2)" }}
              stroke="var(--line)"
              tickLine={false}
            />
          </>
        ) : (
          <>
            <XAxis dataKey="label" tick={tick} stroke="var(--line)" tickLine={false} />
            <YAxis
              width={48}
              tick={tick}
              tickFormatter={short}
              stroke="var(--line)"
              tickLine={false}
              axisLine={false}
            />
          </>
        )}
        <Tooltip
          cursor={{ fill: "var(--hover)" }}
          isAnimationActive={false}
          formatter={(value) => [show(Number(value)), name]}
          contentStyle={{
            background: "var(--raised)",
            border: "none",
            borderRadius: 8,
            boxShadow: "var(--shadow-2)",
            color: "var(--ink)",
            fontSize: 13,
          }}
          labelStyle={{ color: "var(--ink-2)" }}
          itemStyle={{ color: "var(--ink)" }}
        />
        <Bar
          dataKey="value"
          fill="var(--accent)"
          radius={lying ? [0, 4, 4, 0] : [4, 4, 0, 0]}
          maxBarSize={40}
          isAnimationActive={false}
          className="cursor-pointer"
          onClick={(_, at) => {
            const point = points[at];
            if (point) onChoose(point);
          }}
        >
          {points.map((point) => (
            <Cell key={point.key} fill={point.colour ?? "var(--accent)"} />
          ))}
        </Bar>
      </BarChart>
    </ResponsiveContainer>
  );
}
