#include "helpers/parsers/nvidia/device_files_evidence.h"

#include <charconv>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// Linux keeps 12 bits of major and 20 of minor (include/linux/kdev_t.h).
constexpr int kMostMajor = (1 << 12) - 1;
constexpr int kMostMinor = (1 << 20) - 1;

// By the first letter of what ls prints.
DeviceFileType TypeOf(std::string_view mode) {
  switch (mode.empty() ? '?' : mode.front()) {
    case 'c':
      return DeviceFileType::kCharacter;
    case 'b':
      return DeviceFileType::kBlock;
    case '-':
      return DeviceFileType::kRegular;
    case 'd':
      return DeviceFileType::kDirectory;
    case 'l':
      return DeviceFileType::kSymbolicLink;
    case 'p':
      return DeviceFileType::kFifo;
    case 's':
      return DeviceFileType::kSocket;
    default:
      return DeviceFileType::kUnknown;
  }
}

int ToInt(const FactFile& file, const Fact& fact, std::string_view word, int most) {
  return static_cast<int>(file.ToInteger({fact.key, std::string(word), fact.line}, 0, most));
}

CharacterMajor ParseMajor(const FactFile& file, const Fact& fact) {
  std::vector<std::string_view> words = SplitWords(fact.value);
  if (words.size() != 2) {
    ThrowEvidenceError(file, fact.line, "expected \"major: number name\", found \"" + fact.value + "\"");
  }
  return {ToInt(file, fact, words[0], kMostMajor), std::string(words[1]), fact.line};
}

DeviceFile ParseFile(const FactFile& file, const FactBlock& block) {
  DeviceFile device;
  device.path = block.facts.front().value;
  device.line = block.line;
  if (!device.path.starts_with("/dev/nvidia")) {
    ThrowEvidenceError(file, block.line, "\"" + device.path + "\" is no file in /dev of nvidia's");
  }
  device.mode = file.Require(block, "mode").value;
  device.type = TypeOf(device.mode);
  device.uid = file.ToInteger(file.Require(block, "uid"), 0, UINT32_MAX);
  device.gid = file.ToInteger(file.Require(block, "gid"), 0, UINT32_MAX);
  if (device.type == DeviceFileType::kCharacter || device.type == DeviceFileType::kBlock) {
    const Fact& numbers = file.Require(block, "device");
    std::vector<std::string_view> words = SplitWords(numbers.value);
    if (words.size() != 2) {
      ThrowEvidenceError(file, numbers.line, "expected \"device: major minor\", found \"" + numbers.value + "\"");
    }
    device.major = ToInt(file, numbers, words[0], kMostMajor);
    device.minor = ToInt(file, numbers, words[1], kMostMinor);
  }
  device.opens = block.Value("opens") == "yes";
  device.open_error = block.Value("open_error");
  device.link = block.Value("link");
  device.link_error = block.Value("link_error");
  return device;
}

}  // namespace

std::string_view ToString(DeviceFileType type) {
  switch (type) {
    case DeviceFileType::kCharacter:
      return "character device";
    case DeviceFileType::kBlock:
      return "block device";
    case DeviceFileType::kRegular:
      return "regular file";
    case DeviceFileType::kDirectory:
      return "directory";
    case DeviceFileType::kSymbolicLink:
      return "symbolic link";
    case DeviceFileType::kFifo:
      return "named pipe";
    case DeviceFileType::kSocket:
      return "socket";
    case DeviceFileType::kUnknown:
      break;
  }
  return "file of unknown type";
}

DeviceFilesEvidence DeviceFilesEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  FactFile file = FactFile::Parse(text, path, "device_files", "file");
  DeviceFilesEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  evidence.user_id = file.Require(file.head, "user_id").value;
  for (const Fact* fact : file.head.FindAll("major")) {
    evidence.majors.push_back(ParseMajor(file, *fact));
  }
  for (const FactBlock& block : file.blocks) evidence.files.push_back(ParseFile(file, block));
  return evidence;
}

const DeviceFile* DeviceFilesEvidence::Find(std::string_view file_path) const {
  for (const DeviceFile& file : files) {
    if (file.path == file_path) return &file;
  }
  return nullptr;
}

std::map<int, const DeviceFile*> DeviceFilesEvidence::GpuFiles() const {
  constexpr std::string_view kPrefix = "/dev/nvidia";
  std::map<int, const DeviceFile*> found;
  for (const DeviceFile& file : files) {
    if (!file.path.starts_with(kPrefix)) continue;
    std::string_view digits = std::string_view(file.path).substr(kPrefix.size());
    int number = 0;
    const char* end = digits.data() + digits.size();
    auto [rest, error] = std::from_chars(digits.data(), end, number);
    bool plain = digits == "0" || (!digits.empty() && digits.front() != '0');
    if (error == std::errc() && rest == end && plain && number >= 0) found[number] = &file;
  }
  return found;
}

std::vector<const DeviceFile*> DeviceFilesEvidence::CapabilityFiles() const {
  std::vector<const DeviceFile*> found;
  for (const DeviceFile& file : files) {
    if (file.path.starts_with("/dev/nvidia-caps/")) found.push_back(&file);
  }
  return found;
}

const CharacterMajor* DeviceFilesEvidence::FindMajor(std::string_view name) const {
  for (const CharacterMajor& major : majors) {
    if (major.name == name) return &major;
  }
  return nullptr;
}

const CharacterMajor* DeviceFilesEvidence::GpuMajor() const {
  for (std::string_view name : {"nvidia", "nvidia-frontend", "nvidiactl"}) {
    if (const CharacterMajor* major = FindMajor(name)) return major;
  }
  return nullptr;
}

}  // namespace passthrough
