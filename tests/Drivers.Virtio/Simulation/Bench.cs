namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>The two devices in their usual form.</summary>
internal static class Bench
{
    public static DeviceBench<SimulatedDisk> Disk(int sectors = 64, SimulatedMachine? machine = null) =>
        new DeviceBench<SimulatedDisk>(m => new SimulatedDisk(m, sectors), 0x1042, machine);

    public static DeviceBench<SimulatedNetwork> Network(
        int configurationLength = 24, SimulatedMachine? machine = null) =>
        new DeviceBench<SimulatedNetwork>(m => new SimulatedNetwork(m, configurationLength), 0x1041, machine);
}
