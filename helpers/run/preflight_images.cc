// The base images before anything is deployed.
#include <fmt/format.h>

#include <set>
#include <string_view>

#include "helpers/base/disk_image.h"
#include "helpers/libvirt/local_uri.h"
#include "helpers/run/preflight.h"

namespace passthrough {

std::vector<std::string> ImageProblems(const Plan& plan, const Profile& profile) {
  if (profile.emulated_devices || !IsOfThisMachine(profile.libvirt_uri)) return {};
  std::vector<std::string> problems;
  std::set<std::filesystem::path> seen;
  for (const PlannedNode& node : plan.nodes) {
    std::filesystem::path image = node.base_image_path;
    if (!image.empty() && image.is_relative()) image = profile.deployer.working_directory / image;
    if (!seen.insert(image).second) continue;
    const std::string problem = BaseImageProblem(image);
    if (problem.empty()) continue;
    problems.push_back(fmt::format("{} ({}): {}", node.name, node.where.ToString(), problem));
  }
  return problems;
}

}  // namespace passthrough
