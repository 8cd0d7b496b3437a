#include "helpers/evidence/node_evidence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "helpers/base/escapes.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/probe_names.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kEvidence = "evidence";
constexpr std::string_view kIndex = "collection.json";
constexpr std::string_view kConsole = "console.log";
constexpr size_t kConsoleLines = 4;  // that a message quotes

void CheckNodeName(const std::string& node) {
  if (!IsNodeName(node)) {
    throw EvidenceError(fmt::format("\"{}\" is no node's name", Printable(node)));
  }
}

std::string ErrorFile(const std::string& probe) { return probe + ".stderr.txt"; }

Json ToJson(const ProbeOutput& output) {
  Json json{{"probe", output.probe},
            {"complete", output.complete},
            {"exit_status", output.exit_status},
            {"signal", output.signal},
            {"timed_out", output.timed_out},
            {"limit_seconds", output.limit_seconds},
            {"skipped", output.skipped},
            {"truncated", output.truncated},
            {"seconds", output.seconds},
            {"bytes", output.text.size()},
            {"stderr_bytes", output.error_text.size()}};
  if (!output.if_hung.empty()) json["if_hung"] = output.if_hung;
  return json;
}

// Throws Json::exception where a field is missing or of another type.
ProbeOutput FromJson(const Json& json) {
  ProbeOutput output;
  json.at("probe").get_to(output.probe);
  json.at("complete").get_to(output.complete);
  json.at("exit_status").get_to(output.exit_status);
  json.at("signal").get_to(output.signal);
  json.at("timed_out").get_to(output.timed_out);
  json.at("limit_seconds").get_to(output.limit_seconds);
  json.at("skipped").get_to(output.skipped);
  json.at("truncated").get_to(output.truncated);
  json.at("seconds").get_to(output.seconds);
  output.if_hung = json.value("if_hung", "");
  return output;
}

// `output` against its entry in the index, which has how much was collected; empty: it is all of it.
std::string HowItChanged(const Json& entry, const ProbeOutput& output) {
  if (output.text.find('\0') != std::string::npos) {
    return "has bytes that are zero, as a file has which a crash kept from being written";
  }
  for (const auto& [name, text] : {std::pair{"bytes", &output.text}, {"stderr_bytes", &output.error_text}}) {
    const size_t had = entry.value(name, text->size());
    if (had == text->size()) continue;
    return fmt::format("{}has {} bytes, and had {} when it was collected",
                       text == &output.text ? "" : "what it wrote to standard error ", text->size(), had);
  }
  return {};
}

Json ToJson(const NodeSetup& setup) {
  Json json{{"command", setup.command},
            {"is_default", setup.is_default},
            {"output", setup.output},
            {"problem", Printable(setup.problem)},
            {"seconds", setup.seconds}};
  if (setup.exit_status) json["exit_status"] = *setup.exit_status;
  return json;
}

NodeSetup SetupFromJson(const Json& json) {
  NodeSetup setup;
  json.at("command").get_to(setup.command);
  json.at("is_default").get_to(setup.is_default);
  json.at("output").get_to(setup.output);
  json.at("problem").get_to(setup.problem);
  json.at("seconds").get_to(setup.seconds);
  if (json.contains("exit_status")) setup.exit_status = json.at("exit_status").get<int>();
  return setup;
}

// How far a node came that nobody could ask: how the console ends that the run kept of it.
std::string EndOfConsole(const fs::path& run_directory, const fs::path& console) {
  std::error_code error;
  const std::string text =
      fs::exists(run_directory / console, error) ? WithoutEscapes(ReadEvidence(run_directory, console)) : "";
  std::vector<std::string> lines;
  for (std::string_view line : SplitLines(text)) {
    if (!Trim(line).empty()) lines.push_back(Printable(Trim(line)));
  }
  if (lines.empty()) return "Its domain keeps no log of its console, or nothing is in it";
  lines.erase(lines.begin(), lines.end() - static_cast<long>(std::min(lines.size(), kConsoleLines)));
  return fmt::format("Its console ends ({}): {}", console.string(),
                     Shortened(fmt::format("{}", fmt::join(lines, " | ")), 500));
}

}  // namespace

std::string ReadEvidence(const fs::path& run_directory, const fs::path& file) {
  std::error_code error;
  const fs::path evidence = fs::canonical(run_directory, error) / kEvidence;
  const fs::path real = fs::canonical(run_directory / file, error);
  if (error) throw EvidenceError(fmt::format("cannot read {}: {}", file.string(), error.message()));
  if (std::mismatch(evidence.begin(), evidence.end(), real.begin(), real.end()).first != evidence.end()) {
    throw EvidenceError(fmt::format("{} is a link to what is no evidence of this run", file.string()));
  }
  if (!fs::is_regular_file(real)) throw EvidenceError(fmt::format("{} is no regular file", file.string()));
  return ReadFile(real);
}

void SaveCollection(const fs::path& evidence_directory, const std::string& node, const Collection& collection) {
  CheckNodeName(node);
  fs::path directory = evidence_directory / node;
  try {
    fs::remove_all(directory);
    fs::create_directory(evidence_directory);  // in the run directory, which is not made anew where it was deleted
    fs::create_directory(directory);
    Json json{{"node", node},
              {"error", Printable(collection.error)},
              {"ready_seconds", collection.ready_seconds},
              {"collect_seconds", collection.collect_seconds},
              {"began_epoch", collection.began_epoch},
              {"ended_epoch", collection.ended_epoch},
              {"probes", Json::array()}};
    if (!collection.setup.command.empty()) json["setup"] = ToJson(collection.setup);
    for (const ProbeOutput& output : collection.probes) {
      if (!IsProbeName(output.probe)) throw EvidenceError("a probe's name is none");
      WriteFile(directory / (output.probe + ".txt"), output.text);
      if (!output.error_text.empty()) {
        WriteFile(directory / ErrorFile(output.probe), output.error_text);
      }
      json["probes"].push_back(ToJson(output));
    }
    // Last: evidence that has an index is whole.
    WriteFile(directory / kIndex, json.dump(2) + "\n");
  } catch (const std::exception& error) {
    throw EvidenceError(
        fmt::format("cannot write the evidence of {} to {}: {}", node, directory.string(), error.what()));
  }
}

NodeEvidence NodeEvidence::Load(const fs::path& run_directory, const std::string& node, const std::string& look) {
  CheckNodeName(node);
  if (!look.empty()) CheckNodeName(look);
  NodeEvidence evidence;
  evidence.node_ = node;
  fs::path relative = fs::path(kEvidence) / node;
  if (!look.empty()) relative /= look;
  evidence.index_ = (relative / kIndex).string();
  try {
    Json json = Json::parse(ReadEvidence(run_directory, relative / kIndex));
    if (const std::string& whose = look.empty() ? node : look; json.value("node", whose) != whose)
      throw EvidenceError("it is another node's");
    json.at("error").get_to(evidence.error_);
    json.at("ready_seconds").get_to(evidence.ready_seconds_);
    json.at("collect_seconds").get_to(evidence.collect_seconds_);
    evidence.began_epoch_ = json.value("began_epoch", int64_t{0});
    evidence.ended_epoch_ = json.value("ended_epoch", int64_t{0});
    if (json.contains("setup")) evidence.setup_ = SetupFromJson(json.at("setup"));
    for (const Json& entry : json.at("probes")) {
      ProbeOutput output = FromJson(entry);
      if (!IsProbeName(output.probe)) throw EvidenceError("a probe's name is none");
      output.path = relative / (output.probe + ".txt");
      try {
        output.text = ReadEvidence(run_directory, output.path);
        if (fs::path errors = relative / ErrorFile(output.probe); fs::exists(run_directory / errors)) {
          output.error_text = ReadEvidence(run_directory, errors);
        }
        output.changed = HowItChanged(entry, output);
      } catch (const Error& error) {  // the other probes' outputs are there
        output.changed = fmt::format("is lost: {}", error.what());
      }
      evidence.probes_[output.probe] = std::move(output);
    }
    if (evidence.probes_.empty() && look.empty()) {  // a console is kept once, before anything is disturbed
      evidence.console_ = EndOfConsole(run_directory, relative / kConsole);
    }
  } catch (const std::exception& error) {
    throw EvidenceError(fmt::format("{}: there is no evidence of this node that can be read ({}): {}", node,
                                    evidence.index_, error.what()));
  }
  return evidence;
}

const ProbeOutput* NodeEvidence::Find(const std::string& probe) const {
  auto found = probes_.find(probe);
  return found != probes_.end() ? &found->second : nullptr;
}

const ProbeOutput& NodeEvidence::Require(const std::string& probe) const {
  const ProbeOutput* output = Find(probe);
  auto fail = [&](const std::string& what, const std::string& advice = {}) {
    std::string where = output != nullptr ? output->path.string() : index_;
    throw EvidenceError(fmt::format("{}: {} ({}){}{}", node_, what, where, advice.empty() ? "" : ". ", advice));
  };
  if (probes_.empty() && !error_.empty()) {
    throw EvidenceError(fmt::format("{}: nothing was collected: {} ({}){}{}", node_, error_, index_,
                                    console_.empty() ? "" : ". ", console_));
  }
  if (output == nullptr) {
    fail(error_.empty() ? fmt::format("probe {} was not run: no test that was selected when this "
                                      "evidence was collected needed it",
                                      probe)
                        : fmt::format("there is no output of probe {}: {}", probe, error_));
  } else if (!output->complete) {
    fail(fmt::format("the output of probe {} was cut short: {}", probe, error_));
  } else if (!output->changed.empty()) {
    fail(fmt::format("the output of probe {} {}", probe, output->changed));
  } else if (output->timed_out) {
    fail(fmt::format("probe {} did not end within {} s on the node", probe, output->limit_seconds), output->if_hung);
  } else if (output->skipped) {
    const std::string why = Printable(Trim(LastLines(output->error_text, 1)));
    fail(fmt::format("probe {} was {}", probe, why.empty() ? "not run" : Shortened(why, 200)));
  } else if (output->truncated) {
    fail(fmt::format("probe {} printed more than is kept", probe));
  } else if (output->signal != 0) {
    fail(fmt::format("probe {} was ended by signal {} ({})", probe, output->signal, strsignal(output->signal)));
  }
  return *output;
}

}  // namespace passthrough
