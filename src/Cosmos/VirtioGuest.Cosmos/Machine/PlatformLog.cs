using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>Puts what drivers say on the console.</summary>
internal sealed class PlatformLog : DeviceLog
{
    private readonly Platform _platform;

    /// <summary>Uses a platform's console.</summary>
    internal PlatformLog(Platform platform)
    {
        _platform = platform;
    }

    /// <inheritdoc/>
    public override void Information(string message) => _platform.WriteLine(message);

    /// <inheritdoc/>
    public override void Warning(string message) => _platform.WriteLine("warning: " + message);
}
