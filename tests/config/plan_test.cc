#include "helpers/config/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/config/test_file.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::filesystem::path kConfigs = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "configs";

Plan PlanOf(const char* file) { return MakePlan(LoadClusterFile(kConfigs / file)); }

std::vector<std::string> Summary(const Plan& plan) {
  std::vector<std::string> lines;
  for (const PlannedNode& node : plan.nodes) {
    std::string line = node.name + " " + node.cluster + " " + node.address.value_or("DHCP");
    for (const PlannedDevice& device : node.devices) {
      line += " " + device.host_address.ToString() + "=" + std::string(ToString(device.type));
    }
    lines.push_back(line);
  }
  return lines;
}

TEST(PlanTest, Minimal) {
  const Plan plan = PlanOf("test-minimal.yaml");
  EXPECT_THAT(Summary(plan), ElementsAre("hpc_controller test-hpc-minimal 192.168.150.10",
                                         "hpc_compute_01 test-hpc-minimal 192.168.150.11",
                                         "cloud_control_plane test-cloud-minimal 192.168.151.10",
                                         "cloud_cpu_worker_01 test-cloud-minimal 192.168.151.11"));
  EXPECT_EQ(plan.GpuCount(), 0u);
  EXPECT_THAT(plan.RunningNodes(), SizeIs(4));
}

TEST(PlanTest, PassthroughMinimal) {
  const Plan plan = PlanOf("test-pcie-passthrough-minimal.yaml");
  EXPECT_EQ(plan.config_path, (kConfigs / "test-pcie-passthrough-minimal.yaml").lexically_normal());
  EXPECT_THAT(Summary(plan), ElementsAre("hpc_controller test-hpc-pcie-minimal 192.168.140.10",
                                         "hpc_compute_01 test-hpc-pcie-minimal 192.168.140.11 "
                                         "0000:01:00.0=gpu 0000:01:00.1=audio"));
  const PlannedNode* node = plan.FindNode("hpc_compute_01");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->devices[0].vendor_id, 0x10de);
  EXPECT_EQ(node->devices[0].device_id, 0x2684);
  EXPECT_EQ(node->devices[1].device_id, 0x22bd);
  EXPECT_EQ(node->devices[1].iommu_group, std::nullopt);
  EXPECT_THAT(node->domain_names, ElementsAre("test-hpc-pcie-minimal-compute-01", "test-hpc-pcie-minimal-compute-0"));
  EXPECT_THAT(plan.FindNode("hpc_controller")->domain_names, ElementsAre("test-hpc-pcie-minimal-controller"));
  EXPECT_EQ(plan.FindNode("hpc_compute_02"), nullptr);
  EXPECT_EQ(node->base_image_path, "build/packer/hpc-compute/hpc-compute/hpc-compute.qcow2");
}

TEST(PlanTest, GpuSimulation) {
  const Plan plan = PlanOf("test-gpu-simulation.yaml");
  EXPECT_THAT(Summary(plan), ElementsAre("hpc_controller test-hpc-gpu-simulation 192.168.160.10",
                                         "hpc_compute_01 test-hpc-gpu-simulation 192.168.160.11 "
                                         "0000:01:00.0=gpu 0000:01:00.1=audio",
                                         "cloud_control_plane test-cloud-gpu-simulation 192.168.161.10",
                                         "cloud_cpu_worker_01 test-cloud-gpu-simulation 192.168.161.11",
                                         "cloud_gpu_worker_01 test-cloud-gpu-simulation 192.168.161.12 "
                                         "0000:65:00.2=gpu 0000:65:00.3=audio"));
  const PlannedNode* worker = plan.FindNode("cloud_gpu_worker_01");
  EXPECT_EQ(worker->devices[0].iommu_group, 3);
  EXPECT_EQ(worker->devices[1].iommu_group, 3);
  EXPECT_EQ(worker->GpuCount(), 1u);
  EXPECT_EQ(worker->base_image_path, "build/packer/cloud-base/cloud-base/cloud-base.qcow2");
  EXPECT_THAT(worker->domain_names,
              ElementsAre("test-cloud-gpu-simulation-gpu-worker-01", "test-cloud-gpu-simulation-gpu-worker-0"));
  EXPECT_THAT(plan.FindNode("cloud_control_plane")->domain_names,
              ElementsAre("test-cloud-gpu-simulation-control-plane"));
}

TEST(PlanTest, FullStack) {
  const Plan plan = PlanOf("test-full-stack.yaml");
  EXPECT_THAT(Summary(plan), ElementsAre("hpc_controller test-hpc-full-stack 192.168.180.10",
                                         "hpc_compute_01 test-hpc-full-stack 192.168.180.11 "
                                         "0000:01:00.0=gpu 0000:01:00.1=audio",
                                         "cloud_control_plane test-cloud-full-stack 192.168.181.10",
                                         "cloud_cpu_worker_01 test-cloud-full-stack 192.168.181.11",
                                         "cloud_gpu_worker_01 test-cloud-full-stack 192.168.181.12 "
                                         "0000:65:00.2=gpu 0000:65:00.3=audio"));
  EXPECT_EQ(plan.GpuCount(), 2u);
}

TEST(PlanTest, AProfileIsToldWhichClustersThereAre) {
  EXPECT_EQ(ClustersWord(PlanOf("test-pcie-passthrough-minimal.yaml")), "hpc");
  EXPECT_EQ(ClustersWord(PlanOf("test-full-stack.yaml")), "both");
  EXPECT_EQ(ClustersWord(MakePlan(LoadClusterFile(std::filesystem::path(PASSTHROUGH_SOURCE_DIR) /
                                                  "tests/config/accepted/cloud-cpu-workers.yaml"))),
            "cloud");
  EXPECT_EQ(ClustersWord(Plan{}), "");
}

TEST(PlanTest, ClustersHaveWhatADeployerNeeds) {
  const Plan plan = PlanOf("test-full-stack.yaml");
  ASSERT_THAT(plan.clusters, SizeIs(2));
  const PlannedCluster* cluster = plan.FindCluster("test-cloud-full-stack");
  ASSERT_NE(cluster, nullptr);
  EXPECT_EQ(cluster->kind, ClusterKind::kCloud);
  EXPECT_EQ(cluster->network_name, "test-cloud-full-stack-network");
  EXPECT_EQ(cluster->pool_name, "test-cloud-full-stack-pool");
  EXPECT_EQ(cluster->subnet.ToString(), "192.168.181.0/24");
  EXPECT_EQ(cluster->bridge, "virbr181");
  EXPECT_EQ(cluster->Gateway(), "192.168.181.1");
  EXPECT_EQ(cluster->Netmask(), "255.255.255.0");
  EXPECT_EQ(cluster->FirstDhcpAddress(), "192.168.181.2");
  EXPECT_EQ(cluster->LastDhcpAddress(), "192.168.181.254");
  EXPECT_THAT(plan.NodesOf(*cluster), SizeIs(3));
  EXPECT_EQ(plan.clusters[0].acceleration.cpu_model, "host-passthrough");
}

// A file with `count` compute nodes, the second half of which is not started.
Plan PlanWithComputes(int count) {
  std::string text =
      "version: '1.0'\nmetadata: {name: t, description: d}\nclusters:\n  hpc:\n    name: one\n"
      "    network: {subnet: 10.1.0.0/24, bridge: virbr1}\n"
      "    slurm_config: {partitions: [p], default_partition: p, max_job_time: '1:00:00'}\n"
      "    controller: {cpu_cores: 2, memory_gb: 4, disk_gb: 20, ip_address: 10.1.0.10}\n"
      "    compute_nodes:\n";
  for (int i = 0; i < count; ++i) {
    text += "      - {cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: DHCP, auto_start: " +
            std::string(i < count / 2 ? "true" : "false") + "}\n";
  }
  return MakePlan(LoadClusterFile(TestFile(text).path()));
}

TEST(PlanTest, NamesOfNodesAndCandidatesForDomainsAreNobodyElses) {
  for (const int count : {1, 2, 10, 11, 120}) {
    std::set<std::string> nodes;
    std::set<std::string> domains;
    for (const PlannedNode& node : PlanWithComputes(count).nodes) {
      EXPECT_TRUE(nodes.insert(node.name).second) << node.name;
      for (const std::string& domain : node.domain_names) {
        EXPECT_TRUE(domains.insert(domain).second) << domain << " of " << count << " nodes";
      }
    }
  }
}

TEST(PlanTest, TheOlderSpellingGoesAsFarAsItIsUnmistakable) {
  EXPECT_THAT(PlanWithComputes(10).nodes.back().domain_names, ElementsAre("one-compute-10", "one-compute-9"));
  EXPECT_THAT(PlanWithComputes(11).nodes[1].domain_names, ElementsAre("one-compute-01"));
}

TEST(PlanTest, NodesThatAreOnlyDefinedDoNotRun) {
  const Plan plan = PlanWithComputes(4);
  EXPECT_THAT(plan.nodes, SizeIs(5));
  EXPECT_THAT(plan.RunningNodes(), SizeIs(3));
  EXPECT_EQ(plan.nodes.back().name, "hpc_compute_04");
}

TEST(PlanTest, DevicesOfANodeWithoutPassthroughAreNotPlanned) {
  const TestFile file(
      "version: '1.0'\nmetadata: {name: t, description: d}\nclusters:\n  hpc:\n    name: one\n"
      "    base_image_path: a.qcow2\n"
      "    network: {subnet: 10.1.0.0/24, bridge: virbr1}\n"
      "    slurm_config: {partitions: [p], default_partition: p, max_job_time: '1:00:00'}\n"
      "    controller: {cpu_cores: 2, memory_gb: 4, disk_gb: 20, ip_address: 10.1.0.10}\n"
      "    compute_nodes: [{cpu_cores: 1, memory_gb: 1, disk_gb: 10, ip: DHCP,\n"
      "      base_image_path: b.qcow2, pcie_passthrough: {enabled: false,\n"
      "      devices: [{pci_address: '0000:01:00.0', device_type: gpu}]}}]\n");
  const Plan plan = MakePlan(LoadClusterFile(file.path()));
  EXPECT_THAT(plan.nodes.at(1).devices, IsEmpty());
  EXPECT_EQ(plan.nodes.at(0).base_image_path, "a.qcow2");
  EXPECT_EQ(plan.nodes.at(1).base_image_path, "b.qcow2") << "the node's own overrides";
}

}  // namespace
}  // namespace passthrough
