#include "tests/faults/planted_run.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "tests/faults/agreement.h"
#include "tests/faults/expectation.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

ChildResult MustRun(const std::vector<std::string>& argv, const fs::path& directory = {}) {
  ChildOptions options;
  options.working_directory = directory;
  const ChildResult result = RunChild(argv, options, Deadline::After(std::chrono::minutes(5)));
  if (result.Succeeded()) return result;
  throw Error(fmt::format("{}: {}\n{}", fmt::join(argv, " "), result.HowItEnded(), result.output));
}

// Throws where sed changed nothing: the text that the fault is planted in is another by now.
void Edit(const fs::path& file, const std::string& script) {
  if (script.empty()) return;
  const std::string before = ReadFile(file);
  MustRun({"sed", "-E", "-i", script, file.string()});
  if (ReadFile(file) == before) {
    throw Error(fmt::format("sed '{}' changed nothing in {}", script, file.filename().string()));
  }
}

// What was edited is what the nodes are to have said: the index has how much that was.
void CountBytesAnew(const fs::path& evidence) {
  for (const auto& entry : fs::recursive_directory_iterator(evidence)) {
    if (entry.path().filename() != "collection.json") continue;
    auto index = nlohmann::ordered_json::parse(ReadFile(entry.path()));
    for (auto& probe : index.at("probes")) {
      const std::string name = probe.at("probe").get<std::string>();
      const auto size = [&](const std::string& file) {
        const fs::path path = entry.path().parent_path() / file;
        return fs::exists(path) ? fs::file_size(path) : 0;
      };
      probe["bytes"] = size(name + ".txt");
      probe["stderr_bytes"] = size(name + ".stderr.txt");
    }
    WriteFile(entry.path(), index.dump(2) + "\n");
  }
}

// One fault's files, in a directory of its own.
class Stage {
 public:
  Stage(const Fault& fault, TestLab& lab) : fault_(fault), lab_(lab) {}

  // The options that say where and what; each mode adds its own.
  std::vector<std::string> Options(const std::string& profile) {
    std::vector<std::string> options{"--config",  ClusterFile(),
                                     "--profile", profile,
                                     "--lab-dir", lab_.directory().string(),
                                     "--log-dir", (directory_.path() / "logs").string()};
    return options;
  }

  std::string ClusterFile() {
    if (fault_.cluster_file.empty()) return lab_.config().string();
    const fs::path copy = directory_.path() / "cluster.yaml";
    fs::copy_file(lab_.config(), copy);
    Edit(copy, fault_.cluster_file);
    return copy.string();
  }

  // The profile lab with the fault's deployer. The lab is up, and of another shape than an edited cluster file.
  std::string DeployProfile() {
    const fs::path facts = directory_.path() / "facts.yaml";
    const fs::path profile = directory_.path() / "profile.yaml";
    fs::copy_file(lab_.directory() / "facts.yaml", facts);
    WriteFile(profile, fmt::format("version: \"1.0\"\n"
                                   "description: \"The lab, with a deployer made for a fault\"\n"
                                   "host: {{status: [\"true\"], facts: \"{}\"}}\n"
                                   "deployer:\n  create: [sh, -e, \"{}\"]\n  destroy: [sh, -e, \"{}\"]\n"
                                   "ssh: {{user: admin}}\n"
                                   "stub_driver: \"the lab's stub of the NVIDIA driver\"\n"
                                   "time_limits: {{create: 120, ssh: 60, collect: 120, destroy: 120}}\n",
                                   facts.string(), Script("create", fault_.create), Script("destroy", fault_.destroy)));
    if (!fault_.profile.empty()) {
      const std::string before = ReadFile(profile) + ReadFile(facts);
      MustRun({"sed", "-E", "-i", fault_.profile, profile.string(), facts.string()});
      if (ReadFile(profile) + ReadFile(facts) == before) {
        throw Error(fmt::format("sed '{}' changed nothing in the profile", fault_.profile));
      }
    }
    return profile.string();
  }

  fs::path EditedEvidence(const fs::path& healthy_run) {
    const fs::path copy = directory_.path() / "run";
    fs::copy(fs::canonical(healthy_run), copy, fs::copy_options::recursive);
    MustRun({"sh", "-ec", fault_.in_evidence}, copy);
    CountBytesAnew(copy / "evidence");
    return copy;
  }

  // `run`: the run directory that has the reports; without a junit.xml of its own after a replay, `report` is its.
  PlantedRun Run(std::vector<std::string> options, const fs::path& run, const fs::path& report) {
    options.insert(options.begin(), SuiteProgram().string());
    options.insert(options.end(), fault_.suite_options.begin(), fault_.suite_options.end());
    PlantedRun planted;
    std::vector<std::string> listing = options;
    listing.push_back("--gtest_list_tests");
    planted.all = ReadTestList(MustRun(listing).output);
    planted.run = RunChild(options, {}, Deadline::After(std::chrono::seconds(fault_.seconds)));
    if (planted.run.timed_out) {
      throw Error(fmt::format("the suite {}:\n{}", planted.run.HowItEnded(), planted.run.output));
    }
    try {
      planted.report = ReadJunit(report);
      if (run != report.parent_path()) {  // a replay writes nothing into the run
        RunChild({SuiteProgram().string(), "--report", run.string()}, {}, Deadline::After(std::chrono::minutes(2)));
      }
      planted.verdict = ReadFile(run / "verdict.json");
      planted.disagreements =
          Disagreements(ReadJunit(run / "junit.xml"), planted.verdict, ReadFile(run / "report.html"));
    } catch (const Error& error) {
      throw Error(fmt::format("no report: {}\n{}", error.what(), planted.run.output));
    }
    return planted;
  }

  fs::path Latest() const { return directory_.path() / "logs" / "latest"; }
  fs::path ReplayReport() const { return directory_.path() / "replay.xml"; }

 private:
  std::string Script(const std::string& name, const std::string& body) {
    const fs::path file = directory_.path() / (name + ".sh");
    WriteFile(file,
              fmt::format("LAB={}\nLAB_DIR={}\nCLUSTER_FILE={}\n. {}\n{}\n", ShellWord(LabProgramOfTests().string()),
                          ShellWord(lab_.directory().string()), ShellWord(lab_.config().string()),
                          ShellWord(PASSTHROUGH_SOURCE_DIR "/tests/faults/deployer_commands.sh"), body));
    return file.string();
  }

  const Fault& fault_;
  TestLab& lab_;
  TemporaryDirectory directory_{"fault"};
};

PlantedRun Replay(const Fault& fault, FaultLab& lab, const fs::path& healthy_run) {
  Stage stage(fault, lab.lab());
  const fs::path copy = stage.EditedEvidence(healthy_run);
  return stage.Run({"--replay", copy.string(), "--gtest_output=xml:" + stage.ReplayReport().string()}, copy,
                   stage.ReplayReport());
}

PlantedRun Attach(const Fault& fault, FaultLab& lab) {
  lab.Restore(FaultLab::kDeployed);
  for (const std::string_view node : SplitWords(fault.node)) {
    if (!fault.in_node.empty()) lab.InNode(std::string(node), fault.in_node);
  }
  if (!fault.on_host.empty()) lab.OnHost(fault.on_host);
  Stage stage(fault, lab.lab());
  auto options = stage.Options("lab");
  options.push_back("--attach");
  return stage.Run(options, stage.Latest(), stage.Latest() / "junit.xml");
}

PlantedRun Deploy(const Fault& fault, FaultLab& lab) {
  lab.Restore(FaultLab::kUp);
  if (!fault.on_host.empty()) lab.OnHost(fault.on_host);
  Stage stage(fault, lab.lab());
  PlantedRun planted = stage.Run(stage.Options(stage.DeployProfile()), stage.Latest(), stage.Latest() / "junit.xml");
  planted.all.insert("Environment.NothingIsLeftBehind");
  return planted;
}

}  // namespace

PlantedRun PlantAndRun(const Fault& fault, FaultLab& lab, const fs::path& healthy_run) {
  PlantedRun planted = fault.mode == FaultMode::kReplay   ? Replay(fault, lab, healthy_run)
                       : fault.mode == FaultMode::kDeploy ? Deploy(fault, lab)
                                                          : Attach(fault, lab);
  try {
    if (!fault.afterwards.empty()) lab.OnHost(fault.afterwards);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    planted.left_behind = error.what();
  }
  return planted;
}

}  // namespace passthrough
