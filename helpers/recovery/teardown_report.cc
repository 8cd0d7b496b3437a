#include "helpers/recovery/teardown_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/teardown_record/record_home.h"

namespace passthrough {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TeardownReport, destroy_error, look_error, reaped, reap_error, host_error,
                                   left_alone)

namespace {

std::filesystem::path FileOf(const RunDirectory& run) { return run.Evidence() / "host" / "teardown.json"; }

}  // namespace

std::vector<std::string> TeardownReport::Problems() const {
  std::vector<std::string> problems;
  for (const std::string* const error : {&destroy_error, &look_error, &reap_error, &host_error}) {
    if (!error->empty()) problems.push_back(*error);
  }
  return problems;
}

void WriteTeardownReport(const RunDirectory& run, const TeardownReport& report) {
  WriteFile(FileOf(run), nlohmann::json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

bool HasTeardownReport(const RunDirectory& run) { return StatFile(FileOf(run)) == FileStatus::kThere; }

TeardownReport ReadTeardownReport(const RunDirectory& run) {
  try {
    return nlohmann::json::parse(ReadFile(FileOf(run))).get<TeardownReport>();
  } catch (const std::exception& error) {
    throw EvidenceError(fmt::format("{} is missing or broken, so whether the cluster was taken down is not known: {}",
                                    run.Relative(FileOf(run)), error.what()));
  }
}

}  // namespace passthrough
