using VirtioGuest.Commands.Text;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest;

/// <summary>Test results in the format of the Test Anything Protocol, version 14.</summary>
public sealed class TapReport
{
    private readonly TextOutput _output;

    /// <summary>Writes the version and the plan.</summary>
    /// <param name="output">Where the results go.</param>
    /// <param name="planned">How many tests will be reported.</param>
    public TapReport(TextOutput output, int planned)
    {
        _output = output;
        _output.WriteLine("TAP version 14");
        _output.WriteLine("1.." + DecimalText.Of((uint)planned));
    }

    /// <summary>How many tests have been reported.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them failed.</summary>
    public int Failures { get; private set; }

    /// <summary>Writes the result of the next test.</summary>
    /// <param name="name">What was tested.</param>
    /// <param name="result">How it ended.</param>
    /// <param name="details">What else is told of a failure, as lines <c>key: value</c>.</param>
    public void Add(string name, SelfTestResult result, params string[] details)
    {
        Count++;
        string line = DecimalText.Of((uint)Count) + " - " + Escape(name, '#', '\\');
        switch (result.Outcome)
        {
            case SelfTestOutcome.Passed:
                _output.WriteLine("ok " + line);
                break;
            case SelfTestOutcome.Skipped:
                _output.WriteLine("ok " + line + " # SKIP " + result.Reason);
                break;
            default:
                Failures++;
                _output.WriteLine("not ok " + line);
                _output.WriteLine("  ---");
                _output.WriteLine("  message: '" + Escape(result.Reason, '\'', '\'') + "'");
                foreach (string detail in details)
                {
                    _output.WriteLine("  " + detail);
                }

                _output.WriteLine("  ...");
                break;
        }
    }

    /// <summary>Writes a line that is for people.</summary>
    public void Comment(string text) => _output.WriteLine("# " + text);

    /// <summary>Says that no more results will come.</summary>
    public void BailOut(string reason) => _output.WriteLine("Bail out! " + reason);

    private static string Escape(string text, char special, char escape)
    {
        var escaped = new char[text.Length * 2];
        int length = 0;
        foreach (char character in text)
        {
            if (character == special)
            {
                escaped[length++] = escape;
            }

            escaped[length++] = character;
        }

        return new string(escaped, 0, length);
    }
}
