using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <content>Devices that come and go while the kernel runs.</content>
internal sealed partial class DeviceBinder
{
    private readonly Lock _gate = new();
    private PciTopology? _topology;
    private BaseAddressAssignment? _assignment;
    private DeviceInventory? _inventory;

    /// <summary>Called when the inventory has changed.</summary>
    public Action? Changed { get; set; }

    /// <summary>The functions that are there.</summary>
    public PciFunction[] Functions => _topology?.Functions.ToArray() ?? [];

    /// <summary>Binds what was put into a slot.</summary>
    public void Plug(byte bus, byte device)
    {
        lock (_gate)
        {
            PciFunction[] added = _topology?.Add(bus, device) ?? [];
            if (added.Length == 0)
            {
                return;
            }

            _assignment!.AssignAdded(added);
            _inventory!.ReplaceFunctions(_topology!.Functions);
            foreach (PciFunction function in added)
            {
                if (!PciIdentity.TryIdentify(function, out ushort deviceType))
                {
                    Silence(function);
                }
                else
                {
                    BindVirtio(_inventory, function, deviceType);
                }
            }
        }
    }

    /// <summary>Lets go of what is in a slot; afterwards it can be taken out.</summary>
    public void Unplug(byte bus, byte device)
    {
        lock (_gate)
        {
            foreach (PciFunction function in _topology?.Remove(bus, device) ?? [])
            {
                string location = function.Address.ToString();
                string? name = _inventory!.Remove(location);
                _output.WriteLine((name is null ? "" : name + ", ") + location + ": the device was removed");
                _assignment!.Release(function);
            }

            _inventory?.ReplaceFunctions(_topology!.Functions);
        }

        Changed?.Invoke();
    }

    /// <summary>
    /// The number of the bus behind a bridge; null where there is no such bridge or it has no number.
    /// </summary>
    public byte? BusBehind(byte bus, byte device, byte function)
    {
        byte number = _topology?.Find(new PciAddress(0, bus, device, function))?.Bridge?.SecondaryBus ?? 0;
        return number == 0 ? null : number;
    }
}
