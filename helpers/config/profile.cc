#include "helpers/config/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "helpers/base/text.h"
#include "helpers/config/profile_fields.h"
#include "helpers/config/yaml_map.h"
#include "helpers/config/yaml_tree.h"

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

template <typename Read>
void ReadInto(const fs::path& path, Read read, Profile& profile) {
  YamlDocument document = ReadYaml(path);
  ProblemList problems{document.file, std::move(document.problems)};
  YamlMap top(YamlValue(document.root, "", problems));
  read(top, profile);
  problems.ThrowIfAny();
}

}  // namespace

Profile LoadProfile(const std::string& name_or_path, const Placeholders& placeholders,
                    const std::string& connect) {
  const fs::path path = FindProfile(name_or_path, placeholders);
  Profile profile;
  profile.name = path.stem().string();
  profile.path = fs::absolute(path).lexically_normal();
  profile.placeholders = placeholders;
  profile.connect = connect;
  ReadInto(path, ReadProfile, profile);
  std::error_code ignored;
  const bool has_facts =
      profile.host && !profile.host->facts.empty() && fs::exists(profile.host->facts, ignored);
  if (has_facts) ApplyHostFacts(profile);
  return profile;
}

void RequireConnectIsFollowed(const Profile& profile, bool deploys) {
  if (profile.connect.empty()) return;
  if (profile.host) {
    throw Error(fmt::format(
        "--connect {}: profile {} is for a host that it brings up itself, and takes libvirt, the jump host and the "
        "kind of driver from that. Name the profile of the host that is there: --profile host, host-own-deployer or "
        "one of your own.",
        Printable(profile.connect), profile.name));
  }
  if (!deploys) return;
  for (const CommandSequence& commands : {profile.deployer.create, profile.deployer.destroy}) {
    for (const auto& command : commands) {
      if (std::find(command.begin(), command.end(), profile.connect) != command.end()) continue;
      throw Error(fmt::format(
          "--connect {}: profile {} runs \"{}\", which acts where the profile says and not there. Use --attach "
          "for a cluster that is there already, or a profile whose deployer is told where by the placeholder "
          "{{libvirt}}, such as host-own-deployer.",
          Printable(profile.connect), profile.name, Printable(fmt::format("{}", fmt::join(command, " ")))));
    }
  }
}

void ApplyHostFacts(Profile& profile) {
  if (!profile.host || profile.host->facts.empty()) {
    Fail(profile.path, "has no host.facts to lay over it");
  }
  Profile with_facts = profile;
  ReadInto(profile.host->facts, ReadFacts, with_facts);
  profile = std::move(with_facts);
}

}  // namespace passthrough
