namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>The two devices in their usual form.</summary>
internal static class Bench
{
    public static DeviceBench<SimulatedDisk> Disk(int sectors = 64) =>
        new DeviceBench<SimulatedDisk>(machine => new SimulatedDisk(machine, sectors), 0x1042);

    public static DeviceBench<SimulatedNetwork> Network(int configurationLength = 24) =>
        new DeviceBench<SimulatedNetwork>(machine => new SimulatedNetwork(machine, configurationLength), 0x1041);
}
