using System.Collections.Generic;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest.Cases;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>Puts together the tests for a machine and its devices.</summary>
internal static class SelfTestSuite
{
    /// <summary>Creates the plan: the runtime first, then LibOS, the bus, the disks, the network ports.</summary>
    /// <param name="machine">The machine that drivers see.</param>
    /// <param name="system">The machine's controls.</param>
    /// <param name="devices">What was found.</param>
    /// <param name="runtimeVersion">The version that was told at the start.</param>
    public static SelfTestPlan Create(
        Hal.Machine machine, SystemControl system, DeviceInventory devices, string runtimeVersion)
    {
        List<SelfTestCase> cases =
        [
            new RuntimeVersionTest(runtimeVersion),
            new ArithmeticTest(),
            new ExceptionTest(),
            new CollectorTest(),
            new ThreadPoolTest(),
            new ClockTest(machine.Clock),
            new MemoryAccountTest(system),
            new DmaMapTest(machine.Dma),
            new PciTest(devices),
        ];
        foreach (Disk disk in devices.Disks)
        {
            cases.Add(new DiskReadTest(disk));
            cases.Add(new DiskBoundsTest(disk));
            cases.Add(new DiskWriteTest(disk));
            cases.Add(new DiskFlushTest(disk));
        }

        foreach (NetworkPort port in devices.Networks)
        {
            cases.Add(new NetworkDhcpTest(port));
            cases.Add(new NetworkPingTest(port));
        }

        return new SelfTestPlan(cases);
    }
}
