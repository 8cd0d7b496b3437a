#include "helpers/config/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "helpers/base/text.h"
#include "helpers/config/profile_fields.h"
#include "helpers/yaml/yaml_map.h"
#include "helpers/yaml/yaml_tree.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const fs::path& path, std::string message) {
  throw ConfigError({{{path.string(), 0, 0}, "", std::move(message)}});
}

std::vector<std::string> ProfileNames(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code ignored;  // a directory that cannot be read has no profiles to name
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

fs::path FindProfile(const std::string& name_or_path, const Placeholders& placeholders) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml")) {
    return name_or_path;
  }
  const auto source = placeholders.find("source");
  const fs::path root = source == placeholders.end() ? fs::path() : fs::path(source->second);
  const fs::path directory = root / "configs" / "profiles";
  const fs::path path = directory / (name_or_path + ".yaml");
  std::error_code ignored;
  if (fs::exists(path, ignored)) return path;
  Fail(path, fmt::format("there is no profile \"{}\"; there are: {}", name_or_path,
                         fmt::join(ProfileNames(directory), ", ")));
}

std::string NewRunWord() {
  std::random_device random;
  return fmt::format("run-{:08x}{:08x}", random(), random());
}

template <typename Read>
void ReadInto(const fs::path& path, Read read, Profile& profile) {
  YamlDocument document = ReadYaml(path);
  ProblemList problems{document.file, std::move(document.problems)};
  YamlMap top(YamlValue(document.root, "", problems));
  read(top, profile);
  problems.ThrowIfAny();
}

void RequireConnectIsFollowed(const Profile& profile, bool deploys) {
  const std::string& connect = profile.overrides.connect;
  if (connect.empty()) return;
  if (profile.host) {
    throw Error(fmt::format(
        "--connect {}: profile {} is for a host that it brings up itself, and takes libvirt, the jump host and the "
        "kind of driver from that. Name the profile of the host that is there: --profile host, host-own-deployer or "
        "one of your own.",
        Printable(connect), profile.name));
  }
  if (!deploys) return;
  for (const CommandSequence& commands : {profile.deployer.create, profile.deployer.destroy}) {
    for (const auto& command : commands) {
      if (std::find(command.begin(), command.end(), connect) != command.end()) continue;
      throw Error(fmt::format(
          "--connect {}: profile {} runs \"{}\", which acts where the profile says and not there. Use --attach "
          "for a cluster that is there already, or a profile whose deployer is given the place by the placeholder "
          "{{libvirt}}, such as host-own-deployer.",
          Printable(connect), profile.name, Printable(fmt::format("{}", fmt::join(command, " ")))));
    }
  }
}

void RequireSshIsFollowed(const Profile& profile, bool deploys) {
  const bool overridden = profile.overrides.ssh_user || profile.overrides.ssh_key;
  if (!overridden || !profile.host || !deploys) return;
  throw Error(fmt::format(
      "{}: profile {} brings a host up whose nodes get a user and a key of its own. Leave the option away, use "
      "--attach where such a cluster is up and somebody else may log in, or name the profile of a host that is there: "
      "--profile host, or another of configs/profiles/.",
      profile.overrides.ssh_user ? "--ssh-user" : "--ssh-key", profile.name));
}

}  // namespace

std::chrono::seconds DestroyLimit(const TimeLimits& limits, size_t vms) {
  using std::chrono::seconds;
  if (limits.destroy_is_given) return limits.destroy;
  return std::max(limits.destroy, seconds(60) + seconds(30) * static_cast<int>(std::min<size_t>(vms, 100'000)));
}

Profile ReadProfileFile(const std::string& name_or_path, const Placeholders& placeholders, const Overrides& overrides) {
  const fs::path path = FindProfile(name_or_path, placeholders);
  Profile profile;
  profile.name = path.stem().string();
  profile.path = fs::absolute(path).lexically_normal();
  profile.placeholders = placeholders;
  profile.placeholders["run"] = NewRunWord();
  profile.overrides = overrides;
  ReadInto(path, ReadProfile, profile);
  return profile;
}

Profile ResolveProfile(const Profile& file, HostFacts facts) {
  Profile profile = file;
  const bool has_facts = profile.host && !profile.host->facts.empty();
  if (!has_facts && facts == HostFacts::kRequired) Fail(profile.path, "has no host.facts to lay over it");
  std::error_code ignored;
  if (has_facts && (facts == HostFacts::kRequired || fs::exists(profile.host->facts, ignored))) {
    ReadInto(profile.host->facts, ReadFacts, profile);
  }
  if (profile.overrides.ssh_user) profile.ssh.user = *profile.overrides.ssh_user;
  if (profile.overrides.ssh_key) profile.ssh.key = *profile.overrides.ssh_key;
  return profile;
}

Profile LoadProfile(const std::string& name_or_path, const Placeholders& placeholders, const Overrides& overrides) {
  return ResolveProfile(ReadProfileFile(name_or_path, placeholders, overrides), HostFacts::kIfThere);
}

void RequireOverridesAreFollowed(const Profile& profile, bool deploys) {
  RequireConnectIsFollowed(profile, deploys);
  RequireSshIsFollowed(profile, deploys);
}

bool HostDownKnowsItsRun(const Profile& profile) {
  const auto run = profile.placeholders.find("run");
  if (!profile.host || run == profile.placeholders.end()) return false;
  const std::vector<std::string>& down = profile.host->down;
  return std::any_of(down.begin(), down.end(),
                     [&](const std::string& argument) { return argument.find(run->second) != std::string::npos; });
}

}  // namespace passthrough
