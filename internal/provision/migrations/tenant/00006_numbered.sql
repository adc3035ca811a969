-- +goose Up

-- The text of an auto_number with a pattern: {year}, {month} and {day} are those of
-- the moment in the organisation's time zone, {number:5} is the number with at
-- least five digits.
-- +goose StatementBegin
CREATE FUNCTION kontor.numbered(pattern text, zone text, n bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
SELECT regexp_replace(
    replace(replace(replace(pattern,
        '{year}', to_char(now() AT TIME ZONE zone, 'YYYY')),
        '{month}', to_char(now() AT TIME ZONE zone, 'MM')),
        '{day}', to_char(now() AT TIME ZONE zone, 'DD')),
    '\{number(:[0-9]+)?\}',
    lpad(n::text, greatest(coalesce(substring(pattern FROM '\{number:([0-9]+)\}'), '1')::integer, length(n::text)), '0'))
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION kontor.numbered(text, text, bigint);
