using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.General;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell.Commands;

namespace VirtioGuest.Kernel.Shell;

/// <summary>The commands of this kernel: those of every kernel, and its own.</summary>
internal static class CommandList
{
    /// <summary>Creates all commands, in the order in which <c>help</c> shows them.</summary>
    /// <param name="system">The machine's statistics.</param>
    /// <param name="devices">What was found.</param>
    public static Command[] Create(SystemControl system, DeviceInventory devices) =>
        Create(system, devices, new ServiceList());

    private static Command[] Create(SystemControl system, DeviceInventory devices, ServiceList services) =>
    [
        new HelpCommand(),
        new ListPciCommand(devices),
        new ListVirtioCommand(devices),
        new MemoryCommand(system, devices),
        new ThreadsCommand(system),
        new ListDisksCommand(),
        new ListPartitionsCommand(),
        new BlockReadCommand(),
        new BlockChecksumCommand(),
        new BlockFillCommand(),
        new BlockVerifyCommand(),
        new BlockFlushCommand(),
        new BlockDiscardCommand(),
        new BlockZeroCommand(),
        new BlockEraseCommand(),
        new BlockIdCommand(),
        new BlockLifetimeCommand(),
        new BlockCacheCommand(),
        new BlockChurnCommand(),
        new BlockBenchCommand(system, devices),
        new NetworkStatusCommand(),
        new NetworkDhcpCommand(),
        new NetworkPingCommand(),
        new NetworkStaticCommand(devices),
        new NetworkResolveCommand(devices),
        .. NetworkServeCommand.All(devices, services, system),
        new NetworkServicesCommand(devices, services),
        new NetworkStopCommand(devices, services),
        new NetworkBenchCommand(system, devices),
        new NetworkCaptureCommand(devices, system),
        .. OperationsOfDrivers(),
        new SelfTestCommand(),
        new ConformCommand(devices),
        new TraceCommand(devices),
        new StressRegistersCommand(),
        new RebootCommand(),
        new PowerOffCommand(),
        new ExitCommand(),
        new CrashCommand(system),
    ];

    private static IEnumerable<Command> OperationsOfDrivers()
    {
        foreach (VirtioDriver driver in DriverRegistry.Drivers.ToArray())
        {
            foreach (DeviceOperation operation in driver.Operations)
            {
                yield return new OperationCommand(
                    driver.Prefix, operation.Name, operation.Argument, operation.Maximum, operation.Summary);
            }
        }
    }
}
