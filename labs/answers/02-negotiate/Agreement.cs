using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 2: agrees with a device on features.</summary>
public sealed class Agreement : Negotiator
{
    private const byte Acknowledge = 1;
    private const byte Driver = 2;
    private const byte DriverOk = 4;
    private const byte FeaturesOk = 8;
    private const byte Failed = 128;
    private const ulong Version1 = 1UL << 32;

    public override ulong? Negotiate(LabMachine machine, RegisterRegion common, ulong understood)
    {
        common.Write8(CommonOffset.DeviceStatus, 0);
        while (common.Read8(CommonOffset.DeviceStatus) != 0)
        {
            machine.Pause();
        }

        AddStatus(common, Acknowledge);
        AddStatus(common, Driver);
        ulong accepted = ReadOffered(common) & understood;
        if ((accepted & Version1) == 0)
        {
            AddStatus(common, Failed);
            return null;
        }

        WriteAccepted(common, accepted);
        AddStatus(common, FeaturesOk);
        if ((common.Read8(CommonOffset.DeviceStatus) & FeaturesOk) == 0)
        {
            AddStatus(common, Failed);
            return null;
        }

        return accepted;
    }

    public override void GoLive(LabMachine machine, RegisterRegion common) => AddStatus(common, DriverOk);

    private static void AddStatus(RegisterRegion common, byte bit)
    {
        byte status = common.Read8(CommonOffset.DeviceStatus);
        common.Write8(CommonOffset.DeviceStatus, (byte)(status | bit));
    }

    private static ulong ReadOffered(RegisterRegion common)
    {
        common.Write32(CommonOffset.DeviceFeatureSelect, 0);
        ulong low = common.Read32(CommonOffset.DeviceFeature);
        common.Write32(CommonOffset.DeviceFeatureSelect, 1);
        ulong high = common.Read32(CommonOffset.DeviceFeature);
        return low | (high << 32);
    }

    private static void WriteAccepted(RegisterRegion common, ulong accepted)
    {
        common.Write32(CommonOffset.DriverFeatureSelect, 0);
        common.Write32(CommonOffset.DriverFeature, (uint)accepted);
        common.Write32(CommonOffset.DriverFeatureSelect, 1);
        common.Write32(CommonOffset.DriverFeature, (uint)(accepted >> 32));
    }
}
