using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Cosmos.Kernel.Commands;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel;

internal static class SelfTestList
{
    /// <summary>The compiler and the clock first, then disks, file systems, networks and other devices.</summary>
    internal static SelfTestPlan Create(
        MonotonicClock clock,
        CommandSystem system,
        SectorDevice[] disks,
        List<MountedVolume> volumes,
        NetworkInterface[] networks,
        ShellDevice[] others,
        MemoryKeeper memory)
    {
        var cases = new List<SelfTestCase> { new ArithmeticTest(), new ClockTest(clock, system) };
        for (int i = 0; i < disks.Length; i++)
        {
            cases.Add(new DiskReadTest(disks[i]));
            cases.Add(new DiskBoundsTest(disks[i]));
            cases.Add(new DiskWriteTest(disks[i], clock));
            cases.Add(new DiskFlushTest(disks[i]));
        }

        for (int i = 0; i < volumes.Count; i++)
        {
            cases.Add(new VolumeTest(volumes[i], clock, memory));
        }

        if (volumes.Count == 0)
        {
            cases.Add(new NoVolumeTest());
        }

        for (int i = 0; i < networks.Length; i++)
        {
            cases.Add(new NetworkDhcpTest(networks[i]));
            cases.Add(new NetworkPingTest(networks[i]));
        }

        for (int i = 0; i < others.Length; i++)
        {
            DeviceOperation? test = others[i].Driver.SelfTest;
            if (test is not null)
            {
                cases.Add(new OperationTest(others[i], test.Name, test.Minimum));
            }
        }

        return new SelfTestPlan(cases.ToArray());
    }
}
