// disruption.json.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/disruption/disruption.h"

namespace passthrough {
namespace {

std::filesystem::path FileOf(const RunDirectory& run, const std::string& node) {
  return run.Evidence() / node / "disruption.json";
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DisruptionStep, snapshot, error, console, seconds, boot_id_before, boot_id_after)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Disruption, steps)

const DisruptionStep* Disruption::Find(const std::string& snapshot) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const DisruptionStep& step) { return step.snapshot == snapshot; });
  return found == steps.end() ? nullptr : &*found;
}

void WriteDisruption(const RunDirectory& run, const std::string& node, const Disruption& disruption) {
  // Texts quote what a node printed: bytes that are not UTF-8 are replaced, not thrown at.
  using Json = nlohmann::ordered_json;
  WriteFile(FileOf(run, node),
            Json(nlohmann::json(disruption)).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Disruption ReadDisruption(const RunDirectory& run, const std::string& node) {
  const auto file = FileOf(run, node);
  try {
    return nlohmann::json::parse(ReadFile(file)).get<Disruption>();
  } catch (const std::exception& error) {
    throw EvidenceError(fmt::format("{}: what was done to it is not known: {} is missing or broken: {}", node,
                                    run.Relative(file), Printable(error.what())));
  }
}

}  // namespace passthrough
