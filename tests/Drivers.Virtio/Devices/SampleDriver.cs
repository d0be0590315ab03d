using System.Globalization;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Devices;

/// <summary>A driver of a device type that the product does not drive: this and one line is all it takes.</summary>
internal sealed class SampleDriver() : VirtioDriver(
    SampleType, "sample", new DeviceOperation("double", "NUMBER", 100, "double a number", isSelfTest: true),
    new DeviceOperation("refuse", "fail"))
{
    public const ushort SampleType = 63;

    /// <summary>Adds it to the registry, which the tests of an assembly share.</summary>
    public static void Register()
    {
        if (DriverRegistry.Find(SampleType) is null)
        {
            DriverRegistry.Add(new SampleDriver());
        }
    }

    public override VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner) =>
        new Device(this, transport, name, owner);

    private sealed class Device(VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner)
        : VirtioDevice(driver, transport, name, owner, "sampleq")
    {
        private int _argument;

        public override Failure? BeginOperation(DeviceOperation operation, int argument)
        {
            _argument = argument;
            return null;
        }

        public override bool TryEndOperation(out string result, out Failure? failure)
        {
            result = (2 * _argument).ToString(CultureInfo.InvariantCulture);
            failure = _argument == 0 ? new Failure("does not want to") : null;
            return true;
        }
    }
}
