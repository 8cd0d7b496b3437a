#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <pugixml.hpp>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostText = 4u << 20;  // as remote/run-all.sh passes on
// Real output has some 200 fields a GPU, six levels deep at most.
constexpr size_t kMostFields = 100'000;
constexpr size_t kMostPath = 300;

std::optional<int> ReadInt(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || rest != end || value < 0) return std::nullopt;
  return value;
}

class XmlReader {
 public:
  XmlReader(std::string_view text, NvidiaSmiXml* result) : text_(text), result_(result) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') line_ends_.push_back(i);
    }
  }

  void Read() {
    pugi::xml_document document;
    // No entities of a DTD's own are expanded, and nothing is loaded from elsewhere.
    pugi::xml_parse_result parsed = document.load_buffer(
        text_.data(), text_.size(), pugi::parse_default | pugi::parse_doctype, pugi::encoding_utf8);
    pugi::xml_node root = document.child("nvidia_smi_log");
    if (!parsed || !root) ThrowNoXml(parsed);
    ReadSchema(document);
    for (pugi::xml_node child : root.children()) {
      if (child.type() != pugi::node_element) continue;
      if (std::string_view(child.name()) == "gpu") {
        ReadGpu(child);
      } else {
        AddFields(child, &result_->fields);
      }
    }
    AddLinesOutside();
    ReadTopLevel();
  }

 private:
  int LineAt(size_t offset) const {
    auto after = std::lower_bound(line_ends_.begin(), line_ends_.end(), offset);
    return static_cast<int>(after - line_ends_.begin()) + 1;
  }
  int LineOf(pugi::xml_node node) const {
    return LineAt(static_cast<size_t>(std::max<ptrdiff_t>(node.offset_debug(), 0)));
  }

  [[noreturn]] void ThrowNoXml(const pugi::xml_parse_result& parsed) const {
    std::string first;
    for (std::string_view line : SplitLines(text_.substr(0, 4096))) {
      if (first.empty()) first = Trim(line).substr(0, 300);
    }
    std::string why = first.empty() ? "nothing was printed" : fmt::format("the text begins \"{}\"", first);
    if (!parsed && !text_.empty()) {
      auto line = LineAt(static_cast<size_t>(std::max<ptrdiff_t>(parsed.offset, 0)));
      ThrowEvidenceError(*result_, line, fmt::format("no XML of nvidia-smi's: {}; {}", parsed.description(), why));
    }
    ThrowEvidenceError(*result_, text_.empty() ? 0 : 1, "no XML of nvidia-smi's: " + why);
  }

  // "nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd""
  void ReadSchema(const pugi::xml_document& document) {
    constexpr std::string_view kName = "nvsmi_device_v";
    for (pugi::xml_node child : document.children()) {
      if (child.type() != pugi::node_doctype) continue;
      std::string_view type = child.value();
      size_t at = type.find(kName);
      if (at == std::string_view::npos) continue;
      std::string_view rest = type.substr(at + kName.size());
      if (auto number = ReadInt(rest.substr(0, rest.find_first_not_of("0123456789")))) {
        result_->schema_version = *number;
      }
    }
  }

  void ReadGpu(pugi::xml_node element) {
    NvidiaSmiGpu gpu;
    gpu.line = LineOf(element);
    std::string_view id = element.attribute("id").value();
    std::optional<PciAddress> address = PciAddress::Parse(id);
    if (!address) {
      ThrowEvidenceError(*result_, gpu.line, fmt::format("a gpu's id \"{}\" is no PCI address", id.substr(0, 100)));
    }
    gpu.bus_id = *address;
    for (pugi::xml_node child : element.children()) AddFields(child, &gpu.fields);
    auto text_of = [&gpu](std::string_view path) {
      const NvidiaSmiField* field = gpu.Find(path);
      return field != nullptr ? field->text : std::string();
    };
    gpu.product_name = text_of("product_name");
    gpu.uuid = text_of("uuid");
    gpu.serial = text_of("serial");
    gpu.minor_number = ReadInt(text_of("minor_number"));
    result_->gpus.push_back(std::move(gpu));
  }

  // Adds `top` and all below it that have text. Not recursive: a hostile text may be deep.
  void AddFields(pugi::xml_node top, std::vector<NvidiaSmiField>* fields) {
    struct Open {
      pugi::xml_node node;
      size_t path_size;  // of the path without this node
    };
    std::vector<Open> open{{top, 0}};
    std::string path;
    while (!open.empty()) {
      Open next = open.back();
      open.pop_back();
      if (next.node.type() != pugi::node_element) continue;
      path.resize(next.path_size);
      if (!path.empty()) path += '/';
      path += std::string_view(next.node.name()).substr(0, kMostPath);
      if (path.size() > kMostPath || fields->size() >= kMostFields) {
        ThrowEvidenceError(*result_, LineOf(next.node), "too many or too deep elements");
      }
      std::string_view text = Trim(next.node.child_value());
      if (!text.empty()) fields->push_back({path, std::string(text), LineOf(next.node)});
      // Last first, so that the first is taken from the end.
      for (pugi::xml_node child = next.node.last_child(); child; child = child.previous_sibling()) {
        if (child.type() == pugi::node_element) open.push_back({child, path.size()});
      }
    }
  }

  // nvidia-smi prints warnings before and after the XML: "WARNING: infoROM is corrupted at gpu …".
  void AddLinesOutside() {
    constexpr std::string_view kEnd = "</nvidia_smi_log>";
    size_t begin = text_.find('<');
    size_t end = text_.rfind(kEnd);
    AddLines(0, begin);
    if (end != std::string_view::npos) AddLines(end + kEnd.size(), text_.size());
  }

  void AddLines(size_t begin, size_t end) {
    int number = LineAt(begin);
    for (std::string_view line : SplitLines(text_.substr(begin, end - begin))) {
      std::string_view trimmed = Trim(line);
      if (!trimmed.empty() && result_->fields.size() < kMostFields) {
        result_->fields.push_back({"", std::string(trimmed), number});
      }
      ++number;
    }
  }

  void ReadTopLevel() {
    for (const NvidiaSmiField& field : result_->fields) {
      if (field.path == "driver_version") {
        result_->driver_version = field.text;
        result_->driver_version_line = field.line;
      } else if (field.path == "cuda_version") {
        result_->cuda_version = field.text;
      } else if (field.path == "attached_gpus") {
        std::optional<int> number = ReadInt(field.text);
        if (!number) {
          ThrowEvidenceError(
              *result_, field.line,
              fmt::format("attached_gpus: \"{}\" is no number", std::string_view(field.text).substr(0, 100)));
        }
        result_->attached_gpus = *number;
        result_->attached_gpus_line = field.line;
      }
    }
    if (result_->attached_gpus_line == 0) {
      result_->attached_gpus = static_cast<int>(result_->gpus.size());
      result_->attached_gpus_line = result_->gpus.empty() ? 1 : result_->gpus.front().line;
    }
  }

  std::string_view text_;
  NvidiaSmiXml* result_;
  std::vector<size_t> line_ends_;  // offsets
};

// Names of processes are whatever a user called a program.
bool IsUsersText(std::string_view path) { return path.ends_with("process_name"); }

void AddProblems(const std::vector<NvidiaSmiField>& fields, const NvidiaSmiGpu* gpu,
                 std::vector<NvidiaSmiFieldProblem>* problems) {
  for (const NvidiaSmiField& field : fields) {
    if (IsUsersText(field.path)) continue;
    // A warning is a line; in an element an error stands alone.
    const NvidiaSmiErrorPhrase* error =
        field.path.empty() ? FindNvidiaSmiError(field.text) : FindNvidiaSmiErrorValue(field.text);
    if (error == nullptr) continue;
    if (error->phrase == kInsufficientPermissions && gpu != nullptr && gpu->MigIsOn()) continue;
    problems->push_back({gpu, &field, error});
  }
}

}  // namespace

const NvidiaSmiField* NvidiaSmiGpu::Find(std::string_view field_path) const {
  for (const NvidiaSmiField& field : fields) {
    if (field.path == field_path) return &field;
  }
  return nullptr;
}

std::vector<const NvidiaSmiField*> NvidiaSmiGpu::FindByName(std::string_view name) const {
  std::vector<const NvidiaSmiField*> found;
  for (const NvidiaSmiField& field : fields) {
    std::string_view path = field.path;
    size_t slash = path.rfind('/');
    if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
    if (path == name) found.push_back(&field);
  }
  return found;
}

bool NvidiaSmiGpu::MigIsOn() const {
  const NvidiaSmiField* mode = Find("mig_mode/current_mig");
  return mode != nullptr && mode->text == "Enabled";
}

NvidiaSmiXml NvidiaSmiXml::Parse(std::string_view text, const std::filesystem::path& path) {
  NvidiaSmiXml result;
  result.path = path.string();
  if (text.size() > kMostText) {
    ThrowEvidenceError(result, 0, fmt::format("{} bytes are too many", text.size()));
  }
  XmlReader(text, &result).Read();
  return result;
}

std::vector<NvidiaSmiFieldProblem> NvidiaSmiXml::Problems() const {
  std::vector<NvidiaSmiFieldProblem> problems;
  AddProblems(fields, nullptr, &problems);
  for (const NvidiaSmiGpu& gpu : gpus) AddProblems(gpu.fields, &gpu, &problems);
  return problems;
}

}  // namespace passthrough
