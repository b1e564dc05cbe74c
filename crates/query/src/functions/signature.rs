//! What a function says of itself, and functions made of that and of plain Rust.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::not_impl_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, DocSection, Documentation,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

/// What a function says of itself.
pub(super) struct About {
    /// Its name.
    pub(super) name: &'static str,
    /// Name, type and meaning of each argument.
    pub(super) arguments: Vec<(&'static str, DataType, &'static str)>,
    /// The type of its answer.
    pub(super) returns: DataType,
    /// What it does.
    pub(super) description: &'static str,
    /// A question, and a comment with its answer.
    pub(super) example: &'static str,
}

impl About {
    fn signature(&self) -> Signature {
        let types = self.arguments.iter().map(|(_, data_type, _)| data_type.clone()).collect();
        Signature::exact(types, Volatility::Immutable)
    }

    fn documentation(&self) -> Documentation {
        let names: Vec<_> = self.arguments.iter().map(|(name, ..)| *name).collect();
        let syntax = format!("{}({})", self.name, names.join(", "));
        let documentation = Documentation::builder(DocSection::default(), self.description, syntax);
        let documentation = documentation.with_sql_example(self.example);
        let arguments = self.arguments.iter();
        arguments
            .fold(documentation, |all, (name, _, about)| all.with_argument(*name, *about))
            .build()
    }
}

/// A function of the values of a row; `compute` gets a column for each argument.
pub(super) fn scalar<F>(about: About, compute: F) -> ScalarUDF
where
    F: Fn(&[ArrayRef]) -> ArrayRef + Send + Sync + 'static,
{
    ScalarUDF::from(Scalar {
        name: about.name,
        signature: about.signature(),
        documentation: about.documentation(),
        returns: about.returns,
        compute: Box::new(compute),
    })
}

type Compute = Box<dyn Fn(&[ArrayRef]) -> ArrayRef + Send + Sync>;

struct Scalar {
    name: &'static str,
    signature: Signature,
    returns: DataType,
    documentation: Documentation,
    compute: Compute,
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = given.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let answers = (self.compute)(&ColumnarValue::values_to_arrays(&given.args)?);
        // Of constants there is one row, whatever the number of rows that it is for.
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?));
        }
        Ok(ColumnarValue::Array(answers))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// A function of the rows of a group. Its accumulator's state has a value of each type of `state`.
pub(super) fn aggregate<A>(about: About, state: Vec<DataType>) -> AggregateUDF
where
    A: Accumulator + Default + 'static,
{
    AggregateUDF::from(Aggregate {
        name: about.name,
        signature: about.signature(),
        documentation: about.documentation(),
        returns: about.returns,
        state,
        accumulator: Box::new(|| Box::<A>::default()),
    })
}

struct Aggregate {
    name: &'static str,
    signature: Signature,
    returns: DataType,
    documentation: Documentation,
    state: Vec<DataType>,
    accumulator: Box<dyn Fn() -> Box<dyn Accumulator> + Send + Sync>,
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn accumulator(&self, given: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if given.is_distinct {
            return not_impl_err!("{} counts every row: it takes no DISTINCT", self.name);
        }
        Ok((self.accumulator)())
    }

    fn state_fields(&self, given: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let fields = self.state.iter().enumerate().map(|(at, data_type)| {
            let name = format_state_name(given.name, &format!("{at}"));
            Arc::new(Field::new(name, data_type.clone(), true))
        });
        Ok(fields.collect())
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

// Names are unique among our functions, and tell them apart.
macro_rules! told_apart_by_name {
    ($function:ty) => {
        impl PartialEq for $function {
            fn eq(&self, other: &Self) -> bool {
                self.name == other.name
            }
        }

        impl Eq for $function {}

        impl Hash for $function {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.name.hash(state);
            }
        }

        impl fmt::Debug for $function {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name)
            }
        }
    };
}

told_apart_by_name!(Scalar);
told_apart_by_name!(Aggregate);
