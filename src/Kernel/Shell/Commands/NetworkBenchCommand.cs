using VirtioGuest.Commands;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Benchmarks;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>net N bench ...</c>: what a network port does and costs as a program sees it.</summary>
internal sealed class NetworkBenchCommand : PortCommand
{
    private readonly SystemControl _system;

    public NetworkBenchCommand(SystemControl system, DeviceInventory devices)
        : base(
            devices,
            "net N bench tx|rx|rr|frames SIZE BURST SECONDS|COUNTx [HOST[:PORT]] | "
                + "tcp-tx|tcp-rx SIZE SECONDS|COUNTx [HOST[:PORT]] | http SIZE SECONDS|COUNTx",
            "measure datagrams out, in or there and back, frames past the stack, a stream, or answers on port 80")
    {
        _system = system;
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        if (NetWorkload.TryParse(arguments) is not { } workload)
        {
            return CommandResult.WrongArguments;
        }

        NetBenchmarkResult? result = NetBenchmark.TryRun(port, workload, _system, shell, out Failure? failure);
        if (result is null)
        {
            return failure is null ? CommandResult.Interrupted : CommandResult.Failure(port.Name, failure);
        }

        foreach (string line in result.Describe().Split('\n'))
        {
            shell.Output.WriteLine(line);
        }

        shell.Output.WriteLine(result.ToJson());
        return CommandResult.Success;
    }
}
