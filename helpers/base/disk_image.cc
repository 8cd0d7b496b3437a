#include "helpers/base/disk_image.h"

#include <fmt/format.h>

#include <fstream>
#include <string_view>

namespace passthrough {

std::string BaseImageProblem(const std::filesystem::path& path) {
  if (path.empty()) return "it has no base_image_path, and neither has its cluster";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    const std::string from =
        path.is_absolute() ? "" : " (a relative path, from the directory in which this was started)";
    return fmt::format("its base image {} does not exist{}. Build it first, or name another",
                       std::filesystem::absolute(path).string(), from);
  }
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  if (std::string_view(magic, sizeof magic) == "QFI\xfb") return {};
  return fmt::format("its base image {} is not a qcow2 image, or cannot be read", path.string());
}

}  // namespace passthrough
