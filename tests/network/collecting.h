// Collecting evidence from nodes that are OpenSSH servers of this machine.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/evidence/collector.h"
#include "helpers/evidence/node_evidence.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {

class Collecting {
 public:
  Collecting();

  // A probe of the test's own, run by the project's run-all.sh.
  void AddProbe(const std::string& name, const std::string& body);
  CollectOptions& options() { return options_; }
  HostKeys& keys() { return keys_; }
  // A directory of the test's own; a run's, as far as evidence/ goes.
  const std::filesystem::path& directory() const { return directory_.path(); }

  // By node, after all of them.
  std::map<std::string, CollectOutcome> Run(const std::vector<CollectTarget>& targets);
  NodeEvidence Load(const std::string& node) const;

 private:
  TemporaryDirectory directory_{"collecting"};
  HostKeys keys_{"", ""};
  CollectOptions options_;
};

// The server's account, reached at another port.
SshAccount Through(uint16_t port, const OpensshServer& server);

// A server that runs the sh script `body` in place of whatever it is asked to run. $nonce is that of the frames
// it was asked for.
OpensshServer::Options NodeThatRuns(const std::filesystem::path& script, const std::string& body);

}  // namespace passthrough
