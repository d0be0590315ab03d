namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>The way by which a script reaches the guest's shell.</summary>
public enum ScriptSource
{
    /// <summary>QEMU's fw_cfg file <c>opt/virtioguest/run</c>.</summary>
    FirmwareConfiguration,

    /// <summary>The kernel command line of <c>-append</c>, as <c>run='...'</c>: doors by <c>-kernel</c>.</summary>
    CommandLine,

    /// <summary>The kernel command line in the GRUB menu, as <c>"run=..."</c>: doors by the ISO.</summary>
    Grub,
}
