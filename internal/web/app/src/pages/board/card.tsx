import { useDraggable } from "@dnd-kit/core";
import { Link } from "@tanstack/react-router";
import { Clock, MoreHorizontal } from "lucide-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import { linked, type Row, titleText } from "@/api/records";
import type { ObjectType, Stage } from "@/api/schema";
import { Avatar } from "@/components/ui/avatar";
import { IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { isEmpty, showText } from "@/format/text";
import { useModel } from "@/state/model";
import { useWords } from "@/state/words";
import type { CardFacts } from "./card-facts";

interface FaceProps {
  object: ObjectType;
  facts: CardFacts;
  row: Row;
}

export function useCardTitle(object: ObjectType, row: Row): string {
  const { t } = useTranslation();
  return titleText(object, row[object.title]) || t("record.untitled");
}

/** What a card says below its title. */
function Facts({ facts, row }: FaceProps) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const text = (f: CardFacts["about"]) =>
    f && !isEmpty(row[f.name]) ? showText(f, row[f.name], words, model, row) : "";
  const about = facts.about ? linked(model, facts.about.target, row[facts.about.name])?.title : "";
  const owner = facts.owner ? linked(model, "user", row[facts.owner.name])?.title : "";
  const [amount, date] = [text(facts.amount), text(facts.date)];
  const rotting = row.is_rotting === true;
  return (
    <>
      {about && <p className="truncate text-xs text-ink-2">{about}</p>}
      {(amount || date) && (
        <p className="flex items-baseline gap-2">
          <span className="min-w-0 flex-1 truncate text-xs text-ink-3">{date}</span>
          <span className="figure truncate font-medium">{amount}</span>
        </p>
      )}
      {(owner || rotting) && (
        <p className="flex items-center gap-1.5 text-xs text-ink-3">
          {owner && (
            <>
              <Avatar name={owner} />
              <span className="min-w-0 truncate">{owner}</span>
            </>
          )}
          {rotting && (
            <span className="chip ms-auto bg-warning-soft! text-warning!" title={t("record.rotting")}>
              <Clock className="size-3 shrink-0" aria-hidden />
              {t("board.rotting")}
            </span>
          )}
        </p>
      )}
    </>
  );
}

const frame = "space-y-1 rounded-lg border bg-surface px-3 py-2.5 select-none";

/** The card that follows the pointer. */
export function LiftedCard({ object, facts, row }: FaceProps) {
  return (
    <div className={cx(frame, "rotate-1 cursor-grabbing border-accent shadow-float")}>
      <p className="truncate font-medium">{useCardTitle(object, row)}</p>
      <Facts object={object} facts={facts} row={row} />
    </div>
  );
}

interface Props extends FaceProps {
  stage: string;
  /** Where it may go; null where this person may not move it. */
  targets: Stage[] | null;
  onMove: (row: Row, stage: Stage) => void;
}

/** A record on the board: dragged as a whole, opened by its name, moved by its menu too. */
export const Card = memo(function Card({ object, facts, row, stage, targets, onMove }: Props) {
  const { t } = useTranslation();
  const title = useCardTitle(object, row);
  const { setNodeRef, setActivatorNodeRef, listeners, attributes, isDragging } = useDraggable({
    id: row.id,
    data: { row, stage },
    disabled: targets === null,
  });
  return (
    <div className="relative">
      <div
        ref={setNodeRef}
        data-card={row.id}
        {...listeners}
        className={cx(
          frame,
          "touch-manipulation shadow-card transition-colors",
          row.is_rotting === true ? "border-s-2 border-line border-s-warning" : "border-line",
          targets !== null && "cursor-grab hover:border-line-strong",
          isDragging && "opacity-40",
        )}
      >
        <p className="flex pe-6">
          <Link
            ref={setActivatorNodeRef}
            to="/o/$object/$id"
            params={{ object: object.name, id: row.id }}
            preload={false}
            draggable={false}
            aria-describedby={targets === null ? undefined : attributes["aria-describedby"]}
            className="truncate font-medium underline-offset-2 hover:text-accent-ink hover:underline"
          >
            {title}
          </Link>
        </p>
        <Facts object={object} facts={facts} row={row} />
      </div>
      {targets !== null && targets.length > 0 && (
        <span className="absolute end-1 top-1">
          <Menu
            align="end"
            trigger={
              <IconButton
                label={t("board.moveCard", { name: title })}
                hint={false}
                className="size-7! pointer-coarse:size-9!"
              >
                <MoreHorizontal aria-hidden />
              </IconButton>
            }
          >
            <MenuLabel>{t("board.move")}</MenuLabel>
            {targets.map((one) => (
              <MenuItem key={one.key} onClick={() => onMove(row, one)}>
                {one.label}
              </MenuItem>
            ))}
          </Menu>
        </span>
      )}
    </div>
  );
});
