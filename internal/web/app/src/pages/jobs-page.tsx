import { useInfiniteQuery } from "@tanstack/react-query";
import { ListTodo } from "lucide-react";
import { useTranslation } from "react-i18next";
import { hasEnded, listJobs } from "@/api/jobs";
import { JobCard } from "@/components/job-card";
import { Button } from "@/components/ui/button";
import { Empty, Failure, SkeletonLines } from "@/components/ui/states";
import { PageHeader } from "@/shell/page-header";

const lookEvery = 1_000;

/** The work that goes on without a page: how far it is, and what came of it. */
export default function JobsPage() {
  const { t } = useTranslation();
  const jobs = useInfiniteQuery({
    queryKey: ["jobs"],
    queryFn: ({ pageParam, signal }) => listJobs(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.items.some((one) => !hasEnded(one))) ? lookEvery : 10_000,
  });
  const all = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader title={t("jobs.title")} icon={<ListTodo aria-hidden />} />
      {jobs.isPending ? (
        <SkeletonLines />
      ) : jobs.isError && all.length === 0 ? (
        <Failure error={jobs.error} onRetry={() => void jobs.refetch()} />
      ) : all.length === 0 ? (
        <Empty icon={<ListTodo aria-hidden />} title={t("jobs.empty")} hint={t("jobs.emptyHint")} />
      ) : (
        <div
          tabIndex={0}
          role="region"
          aria-label={t("jobs.title")}
          className="min-h-0 flex-1 overflow-y-auto bg-canvas p-4"
        >
          <div className="mx-auto max-w-3xl space-y-3">
            {all.map((job) => (
              <JobCard key={job.id} job={job} />
            ))}
            {jobs.hasNextPage && <Button onClick={() => void jobs.fetchNextPage()}>{t("record.older")}</Button>}
          </div>
        </div>
      )}
    </>
  );
}
