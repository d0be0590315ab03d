using System.Collections.Generic;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest.Cases;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>Puts together the tests for a machine and its devices.</summary>
internal static class SelfTestSuite
{
    /// <summary>Creates the plan: the runtime first, then LibOS, the bus, the disks, the network ports.</summary>
    /// <param name="machine">The machine that drivers see.</param>
    /// <param name="system">The machine's controls.</param>
    /// <param name="devices">What was found.</param>
    /// <param name="disks">The disks among that.</param>
    /// <param name="networks">The network ports among that.</param>
    /// <param name="runtimeVersion">The version that was told at the start.</param>
    public static SelfTestPlan Create(
        Hal.Machine machine,
        SystemControl system,
        DeviceInventory devices,
        ShellDisk[] disks,
        ShellNetwork[] networks,
        string runtimeVersion)
    {
        List<SelfTestCase> cases =
        [
            new RuntimeVersionTest(runtimeVersion),
            new ArithmeticTest(),
            new ExceptionTest(),
            new CollectorTest(),
            new ManyCollectionsTest(),
            new ThreadPoolTest(),
            new RegisterTest(),
            new WallClockTest(machine.Clock, system),
            new MemoryAccountTest(system),
            new DmaMapTest(machine.Dma),
            new PciTest(devices),
        ];
        foreach (ShellDisk disk in disks)
        {
            cases.Add(new AwaitedReadTest(disk));
            cases.Add(new DiskBoundsTest(disk));
            cases.Add(new DiskWriteTest(disk, machine.Clock));
            cases.Add(new DiskFlushTest(disk));
        }

        foreach (ShellNetwork network in networks)
        {
            cases.Add(new NetworkDhcpTest(network));
            cases.Add(new NetworkPingTest(network));
        }

        foreach (OtherDevice other in devices.PresentOthers)
        {
            if (other.Device.Driver.SelfTest is { } test)
            {
                cases.Add(new OperationTest(other, test.Name, test.Minimum));
            }
        }

        return new SelfTestPlan([.. cases]);
    }
}
