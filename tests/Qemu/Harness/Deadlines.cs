using System;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>How long the tests wait for a guest: enough for two processors with ten times the work.</summary>
public static class Deadlines
{
    /// <summary>Stretches every deadline; raise it for a slower machine.</summary>
    public const double Scale = 1.0;

    /// <summary>From the start of QEMU until its monitor answers.</summary>
    public static readonly TimeSpan Monitor = Seconds(10);

    /// <summary>From the start of the machine to the first line of the guest, without UEFI.</summary>
    public static readonly TimeSpan Boot = Seconds(40);

    /// <summary>The same with UEFI firmware, which alone takes seconds.</summary>
    public static readonly TimeSpan UefiBoot = Seconds(120);

    /// <summary>The same for the Cosmos kernel, whose code nobody has optimised, with its script behind it.</summary>
    public static readonly TimeSpan CosmosBoot = Seconds(420);

    /// <summary>The same with thousands of commands behind it.</summary>
    public static readonly TimeSpan CosmosScript = Seconds(1800);

    /// <summary>For one answer of a guest that is up, and for a script of some commands.</summary>
    public static readonly TimeSpan Command = Seconds(30);

    /// <summary>How long a guest that has to stay as it is gets watched.</summary>
    public static readonly TimeSpan Stillness = Seconds(1.5);

    /// <summary>When a QEMU process is killed whatever happens, even if the test host has gone.</summary>
    public static readonly TimeSpan Life = Seconds(1900);

    /// <summary>From the start of the machine to the first line of a guest that came in by a door.</summary>
    public static TimeSpan BootBy(Door door)
    {
        return door switch
        {
            Door.IsoUefi => UefiBoot,
            Door.Cosmos => CosmosBoot,
            _ => Boot,
        };
    }

    private static TimeSpan Seconds(double seconds)
    {
        return TimeSpan.FromSeconds(seconds * Scale);
    }
}
