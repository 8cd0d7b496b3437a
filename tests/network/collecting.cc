#include "tests/network/collecting.h"

namespace passthrough {

Collecting::Collecting() {
  const auto remote = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "remote";
  options_.remote_directory = directory() / "remote";
  options_.evidence_directory = directory() / "evidence";
  options_.host_keys = &keys_;
  std::filesystem::create_directories(options_.remote_directory / "probes");
  std::filesystem::create_directories(options_.remote_directory / "actions");
  std::filesystem::copy(remote / "actions" / "ready.sh", options_.remote_directory / "actions");
  std::filesystem::copy(remote / "run-all.sh", options_.remote_directory);
}

void Collecting::AddProbe(const std::string& name, const std::string& body) {
  WriteFile(options_.remote_directory / "probes" / (name + ".sh"), "#!/bin/sh\n# limit: 60\n" + body + "\n");
  options_.probes.push_back(name);
}

std::map<std::string, CollectOutcome> Collecting::Run(const std::vector<CollectTarget>& targets) {
  std::map<std::string, CollectOutcome> by_node;
  for (CollectOutcome& one : Collect(targets, options_, Deadline::After(std::chrono::minutes(4)))) {
    const std::string node = one.node;
    by_node.emplace(node, std::move(one));
  }
  return by_node;
}

NodeEvidence Collecting::Load(const std::string& node) const { return NodeEvidence::Load(directory(), node); }

SshAccount Through(uint16_t port, const OpensshServer& server) {
  SshAccount account = server.account();
  account.host = "127.0.0.1";
  account.port = port;
  return account;
}

OpensshServer::Options NodeThatRuns(const std::filesystem::path& script, const std::string& body) {
  WriteFile(script, "nonce=${SSH_ORIGINAL_COMMAND##*--frames }\nnonce=${nonce%% *}\n" + body + "\n");
  OpensshServer::Options options;
  options.more_config = {"ForceCommand exec sh " + script.string()};
  return options;
}

}  // namespace passthrough
