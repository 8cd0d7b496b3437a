#include "helpers/config/cluster_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "tests/config/test_file.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A whole file around the nodes of an hpc cluster, given from "controller" on.
std::string HpcFile(std::string_view rest) {
  return "version: '1.0'\nmetadata: {name: t, description: d}\nclusters:\n  hpc:\n    name: one\n"
         "    network: {subnet: 10.1.0.0/24, bridge: virbr1}\n"
         "    slurm_config: {partitions: [p], default_partition: p, max_job_time: '1:00:00'}\n" +
         std::string(rest);
}

std::string CloudFile(std::string_view rest) {
  return "version: '1.0'\nmetadata: {name: t, description: d}\nclusters:\n  cloud:\n    name: two\n"
         "    network: {subnet: 10.2.0.0/24, bridge: virbr2}\n"
         "    kubernetes_config: {cni: c, ingress: i, storage_class: s}\n"
         "    control_plane: {cpu_cores: 2, memory_gb: 4, disk_gb: 20, ip_address: 10.2.0.10}\n" +
         std::string(rest);
}

constexpr std::string_view kController =
    "    controller: {cpu_cores: 2, memory_gb: 4, disk_gb: 20, ip_address: 10.1.0.10}\n";

ClusterConfig LoadCluster(const std::string& text) { return LoadClusterFile(TestFile(text).path()).clusters.at(0); }

std::vector<NodeRole> RolesOf(const ClusterConfig& cluster) {
  std::vector<NodeRole> roles;
  for (const NodeConfig& node : cluster.nodes) roles.push_back(node.role);
  return roles;
}

std::vector<DeviceConfig> DevicesOf(std::string_view device) {
  const std::string text = HpcFile(kController) +
                           "    compute_nodes:\n"
                           "      - {cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: DHCP,\n"
                           "         pcie_passthrough: {enabled: true, devices: [" +
                           std::string(device) + "]}}\n";
  return LoadCluster(text).nodes.at(1).devices;
}

TEST(ClusterFileTest, NodesComeInTheFilesOrder) {
  const std::string compute = "    compute_nodes: [{cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: 10.1.0.11}]\n";
  EXPECT_THAT(RolesOf(LoadCluster(HpcFile(std::string(kController) + compute))),
              ElementsAre(NodeRole::kController, NodeRole::kCompute));
  EXPECT_THAT(RolesOf(LoadCluster(HpcFile(compute + std::string(kController)))),
              ElementsAre(NodeRole::kCompute, NodeRole::kController));
}

TEST(ClusterFileTest, AClusterNeedsNoMoreThanItsController) {
  const ClusterConfig cluster = LoadCluster(HpcFile(kController));
  EXPECT_THAT(cluster.nodes, SizeIs(1));
  EXPECT_EQ(cluster.nodes[0].ip, "10.1.0.10");
  EXPECT_EQ(cluster.base_image_path, std::nullopt);
  EXPECT_EQ(cluster.acceleration.enable_kvm, std::nullopt);
}

TEST(ClusterFileTest, AMapWithCountStandsForThatManyNodes) {
  const ClusterConfig cluster = LoadCluster(HpcFile(
      std::string(kController) + "    compute_nodes: {count: 3, cpu_cores: 5, memory_gb: 6, disk_gb: 70, ip: DHCP}\n"));
  ASSERT_THAT(cluster.nodes, SizeIs(4));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(cluster.nodes[i].cpu_cores, 5);
    EXPECT_EQ(cluster.nodes[i].memory_gb, 6);
    EXPECT_EQ(cluster.nodes[i].disk_gb, 70);
    EXPECT_EQ(cluster.nodes[i].ip, std::nullopt);
    EXPECT_TRUE(cluster.nodes[i].auto_start);
  }
}

TEST(ClusterFileTest, WorkersComeInThreeShapes) {
  const std::string size = "cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: DHCP";
  const std::string gpu =
      "pcie_passthrough: {enabled: true, devices: [{pci_address: '0000:01:00.0', device_type: "
      "gpu}]}";
  EXPECT_THAT(RolesOf(LoadCluster(CloudFile("    worker_nodes: {gpu: [{" + size + "}], cpu: [{" + size +
                                            "}, {worker_type: cpu, " + size + "}]}\n"))),
              ElementsAre(NodeRole::kControlPlane, NodeRole::kGpuWorker, NodeRole::kCpuWorker, NodeRole::kCpuWorker));
  EXPECT_THAT(RolesOf(LoadCluster(CloudFile("    worker_nodes: [{" + size + "}, {worker_type: gpu, " + size + "}, {" +
                                            size + ", " + gpu + "}]\n"))),
              ElementsAre(NodeRole::kControlPlane, NodeRole::kCpuWorker, NodeRole::kCpuWorker, NodeRole::kGpuWorker))
      << "its devices make a GPU worker, and no word";
  EXPECT_THAT(RolesOf(LoadCluster(CloudFile("    worker_nodes: {count: 2, " + size + "}\n"))),
              ElementsAre(NodeRole::kControlPlane, NodeRole::kCpuWorker, NodeRole::kCpuWorker));
  EXPECT_THAT(RolesOf(LoadCluster(CloudFile("    worker_nodes: {cpu: [], gpu: []}\n"))),
              ElementsAre(NodeRole::kControlPlane));
}

TEST(ClusterFileTest, IdsAreTakenAsWritten) {
  const auto ids = [](std::string_view id) {
    return DevicesOf("{pci_address: '0000:01:00.0', device_type: gpu, device_id: " + std::string(id) + "}")
        .at(0)
        .device_id;
  };
  EXPECT_EQ(ids("2684"), 0x2684);
  EXPECT_EQ(ids("'2684'"), 0x2684);
  EXPECT_EQ(ids("22bd"), 0x22bd);
  EXPECT_EQ(ids("10e1"), 0x10e1);
  EXPECT_EQ(ids("0010"), 0x0010);
  EXPECT_EQ(ids("1E07"), 0x1e07);
}

TEST(ClusterFileTest, ADevicesAddressNeedsNoQuotes) {
  EXPECT_EQ(DevicesOf("{pci_address: 0000:0A:1f.7, device_type: other}").at(0).pci_address,
            (PciAddress{0, 0x0a, 0x1f, 7}));
  EXPECT_EQ(DevicesOf("{pci_address: 0000:01:00.0, device_type: gpu}").at(0).pci_address, (PciAddress{0, 1, 0, 0}));
  EXPECT_EQ(DevicesOf("{pci_address: 10000:e1:00.0, device_type: other}").at(0).pci_address,
            (PciAddress{0x10000, 0xe1, 0, 0}));
  for (const char* longer : {"00000000:01:00.0", "00010000:e1:00.0"}) {
    EXPECT_THROW(DevicesOf("{pci_address: '" + std::string(longer) + "', device_type: gpu}"), ConfigError) << longer;
  }
}

TEST(ClusterFileTest, ADeviceKnowsItsPlaceInTheFile) {
  const TestFile file(HpcFile(std::string(kController) +
                              "    compute_nodes:\n"
                              "      - {cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: DHCP,\n"
                              "         pcie_passthrough: {devices: [\n"
                              "          {pci_address: '0000:01:00.0', device_type: network}]}}\n"));
  const NodeConfig node = LoadClusterFile(file.path()).clusters.at(0).nodes.at(1);
  EXPECT_FALSE(node.passthrough_enabled) << "enabled is false unless the file says so";
  ASSERT_THAT(node.devices, SizeIs(1));
  EXPECT_EQ(node.devices[0].device_type, DeviceType::kNetwork);
  EXPECT_EQ(node.devices[0].where.ToString(), file.path().string() + ":12:25");
  EXPECT_EQ(node.devices[0].field, "clusters.hpc.compute_nodes[0].pcie_passthrough.devices[0].pci_address");
}

TEST(ClusterFileTest, OneDeviceInTwoNodesIsFineUnlessBothRun) {
  const auto file = [](std::string_view first, std::string_view second) {
    const std::string node = "      - {cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: DHCP, ";
    const std::string device = "devices: [{pci_address: '0000:01:00.0', device_type: gpu}]}}\n";
    return HpcFile(std::string(kController) + "    compute_nodes:\n" + node + std::string(first) + device + node +
                   std::string(second) + device);
  };
  const std::string on = "pcie_passthrough: {enabled: true, ";
  EXPECT_NO_THROW(LoadCluster(file(on, "auto_start: false, " + on)));
  EXPECT_NO_THROW(LoadCluster(file("auto_start: false, " + on, "auto_start: false, " + on)));
  EXPECT_NO_THROW(LoadCluster(file(on, "pcie_passthrough: {enabled: false, ")));
  EXPECT_THROW(LoadCluster(file(on, on)), ConfigError);
}

TEST(ClusterFileTest, AControlPlaneIsStartedWhateverTheFileSays) {
  std::string text = CloudFile("");
  text.insert(text.find("ip_address: 10.2.0.10"), "auto_start: false, ");
  const ClusterFile file = LoadClusterFile(TestFile(text).path());
  EXPECT_TRUE(file.clusters.at(0).nodes.at(0).auto_start);
  ASSERT_THAT(file.notes, SizeIs(1));
  EXPECT_EQ(file.notes[0].field, "clusters.cloud.control_plane");
  text = HpcFile(kController);
  text.insert(text.find("ip_address: 10.1.0.10"), "auto_start: false, ");
  EXPECT_FALSE(LoadCluster(text).nodes.at(0).auto_start) << "a controller of Slurm stays off";
}

TEST(ClusterFileTest, OneGpuInBothClustersIsFineWhereOneStaysOff) {
  const std::string node =
      "cpu_cores: 1, memory_gb: 1, disk_gb: 10, pcie_passthrough: {enabled: true, devices: "
      "[{pci_address: '0000:01:00.0', device_type: gpu}]}";
  const std::string cloud = CloudFile("");
  const std::string hpc = HpcFile(std::string(kController) + "    compute_nodes: [{ip: 10.1.0.11, " + node + "}]\n") +
                          cloud.substr(cloud.find("  cloud:"));
  EXPECT_NO_THROW(LoadCluster(hpc + "    worker_nodes: [{ip: 10.2.0.11, auto_start: false, " + node + "}]\n"));
  EXPECT_THROW(LoadCluster(hpc + "    worker_nodes: [{ip: 10.2.0.11, " + node + "}]\n"), ConfigError);
}

TEST(ClusterFileTest, TheTimeOfAJobMayBeLeftToSlurm) {
  std::string text = HpcFile(kController);
  text.erase(text.find(", max_job_time: '1:00:00'"), 25);
  EXPECT_EQ(LoadCluster(text).slurm_config.max_job_time, "");
}

TEST(ClusterFileTest, ReadsTheHardware) {
  const Acceleration read =
      LoadCluster(HpcFile(std::string(kController) +
                          "    hardware: {acceleration: {enable_kvm: yes, enable_nested: off,\n"
                          "      cpu_model: host-model, cpu_features: ['+avx2', '-vmx', sse4.1],\n"
                          "      numa_topology: {nodes: 2, memory_per_node: 1024},\n"
                          "      cpu_topology: {sockets: 1, cores: 4, threads: 2},\n"
                          "      performance: {enable_hugepages: true, hugepage_size: 1G,\n"
                          "        cpu_pinning: false, memory_backing: memfd}}}\n"))
          .acceleration;
  EXPECT_EQ(read.enable_kvm, true);
  EXPECT_EQ(read.enable_nested, false);
  EXPECT_EQ(read.cpu_model, "host-model");
  EXPECT_THAT(read.cpu_features, ElementsAre("+avx2", "-vmx", "sse4.1"));
  EXPECT_EQ(read.numa_nodes, 2);
  EXPECT_EQ(read.numa_memory_per_node, 1024);
  ASSERT_TRUE(read.cpu_topology);
  EXPECT_EQ(read.cpu_topology->threads, 2);
  EXPECT_EQ(read.enable_hugepages, true);
  EXPECT_EQ(read.hugepage_size, "1G");
  EXPECT_EQ(read.cpu_pinning, false);
  EXPECT_EQ(read.memory_backing, "memfd");
}

TEST(ClusterFileTest, ReadsMountsImagesAndTheFreePart) {
  const std::string text = "global: {anything: [goes, {here: 1}]}\n" +
                           HpcFile(
                               "    base_image_path: a.qcow2\n"
                               "    controller:\n      {cpu_cores: 2, memory_gb: 4, disk_gb: 20, ip_address: "
                               "10.1.0.10,\n"
                               "       base_image_path: b.qcow2, virtio_fs_mounts: [{tag: t, host_path: /h, "
                               "mount_point: /m,\n"
                               "       readonly: true, owner: admin, group: admin, mode: '0755', options: rw}]}\n");
  const ClusterConfig cluster = LoadCluster(text);
  EXPECT_EQ(cluster.base_image_path, "a.qcow2");
  const NodeConfig& node = cluster.nodes.at(0);
  EXPECT_EQ(node.base_image_path, "b.qcow2");
  ASSERT_THAT(node.virtio_fs_mounts, SizeIs(1));
  EXPECT_EQ(node.virtio_fs_mounts[0].host_path, "/h");
  EXPECT_TRUE(node.virtio_fs_mounts[0].readonly);
}

TEST(ClusterFileTest, AliasesAndMergesServeAsInAiHow) {
  const ClusterConfig cluster =
      LoadCluster(HpcFile("    controller: {<<: &size {cpu_cores: 2, memory_gb: 4, disk_gb: 20},\n"
                          "      ip_address: 10.1.0.10}\n"
                          "    compute_nodes: [{<<: *size, ip: 10.1.0.11}, {<<: *size, ip: 10.1.0.12}]\n"));
  ASSERT_THAT(cluster.nodes, SizeIs(3));
  EXPECT_EQ(cluster.nodes[2].disk_gb, 20);
}

}  // namespace
}  // namespace passthrough
