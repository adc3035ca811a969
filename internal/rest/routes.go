package rest

import "net/http"

// routes is the table of contents of the API.
func routes(o Options) *http.ServeMux {
	d := desk{o}
	mux := http.NewServeMux()

	mux.Handle("POST /api/v1/login", d.anybody(login(o.Gate)))
	mux.Handle("POST /api/v1/logout", d.anybody(logout(o.Gate)))
	mux.Handle("GET /api/v1/me", d.reading(readMe))
	mux.Handle("PATCH /api/v1/me", d.reading(patchMe))
	mux.Handle("GET /api/v1/schema", d.reading(readSchema(newDescriptions())))
	mux.Handle("GET /api/v1/openapi.json", d.reading(readOpenAPI(newDescriptions())))
	mux.Handle("GET /api/v1/configuration", d.reading(readConfiguration))
	mux.Handle("GET /api/v1/configuration/{object}", d.reading(readObjectConfiguration))
	mux.Handle("GET /api/v1/search", d.reading(searchRecords))

	mux.Handle("GET /api/v1/records/{object}", d.reading(listRecords))
	mux.Handle("POST /api/v1/records/{object}/query", d.reading(queryRecords))
	mux.Handle("POST /api/v1/records/{object}/aggregate", d.reading(aggregateRecords))
	mux.Handle("POST /api/v1/records/{object}", d.writing(createRecord))
	mux.Handle("GET /api/v1/records/{object}/{id}", d.reading(getRecord))
	mux.Handle("GET /api/v1/records/{object}/{id}/external", d.reading(listExternal))
	mux.Handle("GET /api/v1/records/{object}/{id}/history", d.reading(readHistory))
	mux.Handle("GET /api/v1/records/{object}/{id}/timeline", d.reading(readTimeline))
	mux.Handle("GET /api/v1/records/{object}/external/{system}/{external}", d.reading(getExternal))
	mux.Handle("PATCH /api/v1/records/{object}/{id}", d.writing(patchRecord))
	mux.Handle("DELETE /api/v1/records/{object}/{id}", d.writing(deleteRecord))
	mux.Handle("POST /api/v1/records/{object}/{id}/move", d.writing(moveRecord))
	mux.Handle("POST /api/v1/records/{object}/{id}/restore", d.writing(restoreRecord))
	mux.Handle("POST /api/v1/records/{object}/batch", d.writingMany(maxBatchBody, batchRecords))
	mux.Handle("GET /api/v1/records/{object}/export", d.streaming(exportRecords))
	mux.Handle("POST /api/v1/records/{object}/export", d.reading(startExport))
	mux.Handle("POST /api/v1/records/{object}/import", d.streaming(importRecords))
	mux.Handle("POST /api/v1/records/{object}/import/preview", d.streaming(previewImport))

	mux.Handle("GET /api/v1/views", d.reading(listViews))
	mux.Handle("POST /api/v1/views", d.reading(createView))
	mux.Handle("GET /api/v1/views/{id}", d.reading(getView))
	mux.Handle("PATCH /api/v1/views/{id}", d.reading(patchView))
	mux.Handle("DELETE /api/v1/views/{id}", d.reading(deleteView))

	mux.Handle("GET /api/v1/jobs", d.reading(listJobs))
	mux.Handle("GET /api/v1/jobs/{id}", d.reading(getJob))
	mux.Handle("POST /api/v1/jobs/{id}/cancel", d.reading(cancelJob))
	mux.Handle("POST /api/v1/jobs/{id}/undo", d.reading(undoJob))
	mux.Handle("GET /api/v1/jobs/{id}/errors", d.streaming(jobErrors))
	mux.Handle("GET /api/v1/jobs/{id}/result", d.streaming(jobResult))

	mux.Handle("POST /api/v1/files", d.streaming(uploadFile))
	mux.Handle("GET /api/v1/files/{id}", d.streaming(downloadFile))
	return mux
}
