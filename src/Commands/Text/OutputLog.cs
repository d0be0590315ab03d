using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Text;

/// <summary>Shows on the console what drivers report.</summary>
public sealed class OutputLog : DeviceLog
{
    private readonly TextOutput _output;

    /// <summary>Creates a log.</summary>
    public OutputLog(TextOutput output)
    {
        _output = output;
    }

    /// <inheritdoc/>
    public override void Information(string message) => _output.WriteLine(message);

    /// <inheritdoc/>
    public override void Warning(string message) => _output.WriteLine("warning: " + message);
}
