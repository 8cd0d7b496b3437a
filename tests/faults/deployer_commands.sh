# shellcheck shell=sh
# What a fault's `create` and `destroy` can use. LAB, LAB_DIR and CLUSTER_FILE are set by the harness.

# The cluster as it was when its snapshot was taken: what a create would leave, in a fifth of the time.
# The lab is not what is tested: it gets a second try.
bring_up_cluster() {
	"$LAB" restore --lab-dir "$LAB_DIR" deployed || "$LAB" restore --lab-dir "$LAB_DIR" deployed
}
# The real destroy.
remove_cluster() { "$LAB" destroy --lab-dir "$LAB_DIR" --force "$CLUSTER_FILE"; }
# A command line for the shell of the lab host's root.
on_host() { "$LAB" ssh --lab-dir "$LAB_DIR" -- "$@"; }
