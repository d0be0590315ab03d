using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary>A device that is neither a disk nor a network card, as commands see it.</summary>
internal sealed class ShellDevice : OperableDevice
{
    private readonly OtherDevice _device;

    internal ShellDevice(OtherDevice device)
        : base(device.Device.Driver.Prefix, device.Device.Name)
    {
        _device = device;
    }

    internal VirtioDriver Driver => _device.Device.Driver;

    internal static ShellDevice[] Of(List<OtherDevice> devices)
    {
        var shown = new ShellDevice[devices.Count];
        for (int i = 0; i < shown.Length; i++)
        {
            shown[i] = new ShellDevice(devices[i]);
        }

        return shown;
    }

    public override Failure? Run(string operation, int argument, ShellContext? shell, out string result)
    {
        DeviceOperation[] operations = Driver.Operations;
        for (int i = 0; i < operations.Length; i++)
        {
            if (operations[i].Name == operation)
            {
                return _device.Run(operations[i], argument, out result);
            }
        }

        result = string.Empty;
        return new Failure("has no such operation");
    }
}
