#include "helpers/run/ssh_config.h"

#include <fmt/format.h>

namespace passthrough {
namespace {

// A word of ssh_config(5): in double quotes, so that it may hold blanks.
std::string Quoted(const std::string& word) { return '"' + word + '"'; }

std::string Account(const SshAccount& account) {
  std::string lines = fmt::format("  User {}\n  Port {}\n", Quoted(account.user), account.port);
  if (!account.key.empty()) {
    const auto key = std::filesystem::absolute(account.key).string();
    lines += fmt::format("  IdentityFile {}\n  IdentitiesOnly yes\n", Quoted(key));
  }
  return lines;
}

std::string Common(const Profile& profile, const RunDirectory& run) {
  std::string files = Quoted(run.KnownHosts().string());
  if (!profile.known_hosts.empty()) files += " " + Quoted(profile.known_hosts.string());
  return fmt::format("  UserKnownHostsFile {}\n  StrictHostKeyChecking accept-new\n", files);
}

}  // namespace

std::string MakeSshConfig(const Discovery& discovery, const Profile& profile,
                          const RunDirectory& run) {
  std::string config = fmt::format("# ssh -F {} NODE\n", run.SshConfig().string());
  if (profile.jump) {
    config += fmt::format("\nHost passthrough-jump-host\n  HostName {}\n{}{}", profile.jump->host,
                          Account(*profile.jump), Common(profile, run));
  }
  for (const DiscoveredNode& node : discovery.nodes) {
    if (node.address.empty()) continue;
    config += fmt::format("\nHost {} {}\n  HostName {}\n{}{}", node.node, node.domain, node.address,
                          Account(profile.ssh), Common(profile, run));
    if (profile.jump) config += "  ProxyJump passthrough-jump-host\n";
  }
  return config;
}

}  // namespace passthrough
