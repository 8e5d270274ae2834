# The policy of a locked guest: containers can be run, nobody can look into them or change this policy.
#
# Denied are a new policy, processes in running containers, their standard streams, the agent's diagnostics, and
# entropy from the host. A tighter policy comes with initdata, whose digest a verifier then pins.
package agent_policy

default SetPolicyRequest := false
default ExecProcessRequest := false
default ReadStreamRequest := false
default WriteStreamRequest := false
default GetDiagnosticDataRequest := false
default ReseedRandomDevRequest := false

default AddARPNeighborsRequest := true
default AddSwapRequest := true
default CloseStdinRequest := true
default CopyFileRequest := true
default CreateContainerRequest := true
default CreateSandboxRequest := true
default DestroySandboxRequest := true
default GetMetricsRequest := true
default GetOOMEventRequest := true
default GuestDetailsRequest := true
default ListInterfacesRequest := true
default ListRoutesRequest := true
default MemHotplugByProbeRequest := true
default OnlineCPUMemRequest := true
default PauseContainerRequest := true
default PullImageRequest := true
default ReadContainerTerminationMessage := true
default RemoveContainerRequest := true
default RemoveStaleVirtiofsShareMountsRequest := true
default ResumeContainerRequest := true
default SetGuestDateTimeRequest := true
default SignalProcessRequest := true
default StartContainerRequest := true
default StartTracingRequest := true
default StatsContainerRequest := true
default StopTracingRequest := true
default TtyWinResizeRequest := true
default UpdateContainerRequest := true
default UpdateEphemeralMountsRequest := true
default UpdateInterfaceRequest := true
default UpdateRoutesRequest := true
default WaitProcessRequest := true
